namespace MoE.Samples.Data;

/// <summary>Images of clothes, 28x28 bytes each, with ten classes (Xiao et al. 2017). Debian's package <c>dataset-fashion-mnist</c> puts the four files under /usr/share/datasets.</summary>
/// <param name="Pixels">[images, 784], 0..255.</param>
/// <param name="Labels">[images], 0..9.</param>
public sealed record FashionMnist(byte[] Pixels, byte[] Labels)
{
    /// <summary>Folder of the data set.</summary>
    public const string Name = "fashion-mnist";

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
        const string Package = "/usr/share/datasets/fashion-mnist";
        using var images = DataFiles.Open(folders, Name, $"{part}-images-idx3-ubyte.gz", Package);
        using var classes = DataFiles.Open(folders, Name, $"{part}-labels-idx1-ubyte.gz", Package);
        return Read(images, classes);
    }

    /// <summary>Reads images and labels.</summary>
    /// <exception cref="InvalidDataException">A file is damaged, or they do not belong together.</exception>
    public static FashionMnist Read(Stream images, Stream classes)
    {
        var (shape, pixels) = IdxFile.Read(images, 3);
        if (shape[1] != 28 || shape[2] != 28) throw new InvalidDataException($"images of {shape[1]}x{shape[2]} pixels; must be 28x28");
        var (count, labels) = IdxFile.Read(classes, 1);
        if (count[0] != shape[0]) throw new InvalidDataException($"{shape[0]} images and {count[0]} labels");
        int wrong = Array.FindIndex(labels, static l => l >= Classes);
        if (wrong >= 0) throw new InvalidDataException($"label {wrong} is {labels[wrong]}; must be 0..9");
        return new(pixels, labels);
    }
}
