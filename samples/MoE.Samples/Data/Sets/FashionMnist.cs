using System.IO.Compression;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>Images of clothes, 28x28 bytes each, with ten classes (Xiao et al. 2017). Debian's package <c>dataset-fashion-mnist</c> puts the four files under /usr/share/datasets.</summary>
/// <param name="Pixels">[images, 784], 0..255.</param>
/// <param name="Labels">[images], 0..9.</param>
public sealed record FashionMnist(byte[] Pixels, byte[] Labels)
{
    private const string Package = "/usr/share/datasets";

    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "fashion-mnist",
        "70,000 images of clothes, 10 classes, 28x28 pixels (Fashion-MNIST)",
        "MIT",
        "H. Xiao, K. Rasul, R. Vollgraf (2017): Fashion-MNIST. arXiv 1708.07747",
        DataKind.Prepared,
        [
            new("train-images-idx3-ubyte.gz", 26421856, "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"),
            new("train-labels-idx1-ubyte.gz", 29491, "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"),
            new("t10k-images-idx3-ubyte.gz", 4422079, "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"),
            new("t10k-labels-idx1-ubyte.gz", 5125, "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"),
        ],
        "github.com/zalandoresearch/fashion-mnist; the lengths and hashes are those of the Debian package dataset-fashion-mnist, which puts the four files into /usr/share/datasets/fashion-mnist, where they are found without --data");

    /// <summary>Pixels of an image.</summary>
    public const int Size = 784;

    /// <summary>Number of classes.</summary>
    public const int Classes = 10;

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Reads the training or the test part.</summary>
    /// <exception cref="Frame.MissingDataException">It is not there.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static FashionMnist Load(DataFolders folders, bool train)
    {
        string part = train ? "train" : "t10k";
        // Debian's package is as good as a folder of one's own.
        if (Set.Files.Any(f => folders.Find(Set.Name, f.Name) is null) && Directory.Exists(Path.Combine(Package, Set.Name))) folders = new DataFolders(Package);
        byte[] pixels = folders.Read(Set, $"{part}-images-idx3-ubyte.gz", static file => Images(file));
        byte[] labels = folders.Read(Set, $"{part}-labels-idx1-ubyte.gz", static file => Idx.Bytes(Unpack(file), 1).Values);
        return new FashionMnist(pixels, labels).Checked();
    }

    /// <summary>Reads images and labels.</summary>
    /// <exception cref="InvalidDataException">A file is damaged, or they do not belong together.</exception>
    public static FashionMnist Read(Stream images, Stream classes) => new FashionMnist(Images(images), Idx.Bytes(Unpack(classes), 1).Values).Checked();

    private FashionMnist Checked()
    {
        if (Pixels.Length != Count * Size) throw new InvalidDataException($"{Pixels.Length / Size} images and {Count} labels; must be as many");
        int wrong = Array.FindIndex(Labels, static l => l >= Classes);
        return wrong < 0 ? this : throw new InvalidDataException($"label {wrong} is {Labels[wrong]}; must be 0..9");
    }

    private static byte[] Images(Stream file)
    {
        var (shape, values) = Idx.Bytes(Unpack(file), 3);
        return shape[1] == 28 && shape[2] == 28 ? values : throw new InvalidDataException($"images of {shape[1]}x{shape[2]} pixels; must be 28x28");
    }

    private static GZipStream Unpack(Stream file) => new(file, CompressionMode.Decompress);
}
