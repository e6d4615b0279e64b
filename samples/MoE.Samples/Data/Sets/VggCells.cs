using System.Globalization;
using System.IO.Compression;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>Simulated fluorescence images of cells with the centre of each.</summary>
/// <param name="Pixels">[images, 256 * 256], 0..255.</param>
/// <param name="Dots">For each image the centres of its cells, in pixels from the upper left corner.</param>
public sealed record VggCells(byte[] Pixels, IReadOnlyList<IReadOnlyList<(int X, int Y)>> Dots)
{
    /// <summary>Pixels per side.</summary>
    public const int Side = 256;

    private const int Shards = 4, PerShard = 50;

    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "vgg-cells",
        "200 simulated fluorescence images of 256x256 pixels with 35,192 cell centres (VGG synthetic cells)",
        "none stated; offered for download by Oxford VGG, redistribution not clear",
        "V. Lempitsky, A. Zisserman (2010): Learning To Count Objects in Images. NeurIPS",
        DataKind.Prepared,
        [
            new("dots.csv", 374249, "df64e092ed6c3e919a181127439438c4b206799d0c6a642cbb15d84393d72eb6"),
            new("images-0.idx3-ubyte.gz", 2622963, "bec01e03b84d4692d5fb9dc6d5a6cdc1e0db450e7910269417ee4a937b0153ad"),
            new("images-1.idx3-ubyte.gz", 2655666, "c2bd917a99f021c947e1a16c2bd6ddc46b2a6a523c97f215e156762359727b34"),
            new("images-2.idx3-ubyte.gz", 2628530, "9e8552a9a29475b64eb96e541e3dab79b248b4e05c18057cd293c8058bd99928"),
            new("images-3.idx3-ubyte.gz", 2601983, "a1f12d26e5e0e8d348dc55341046e0a44adbab1d736896babf259d8df55c2591"),
        ],
        "github.com/ieee8023/countception (commit 8387c30), cells: the blue channel of the 200 pictures in their order, 50 to an idx file as of MNIST; dots.csv has a header and image, x, y of every coloured pixel of the pictures of dots");

    /// <summary>Number of images.</summary>
    public int Count => Dots.Count;

    /// <summary>Reads it.</summary>
    /// <exception cref="Frame.MissingDataException">It is not in the data folder.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static VggCells Load(DataFolders folders)
    {
        byte[] pixels = [.. Enumerable.Range(0, Shards).SelectMany(i => folders.Read(Set, $"images-{i}.idx3-ubyte.gz", static file => Images(new GZipStream(file, CompressionMode.Decompress))))];
        return new(pixels, folders.Read(Set, "dots.csv", static file => Centres(file, Shards * PerShard)));
    }

    /// <summary>Reads the centres.</summary>
    /// <param name="file">A header, then image, x, y per line.</param>
    /// <param name="images">Number of images.</param>
    /// <exception cref="InvalidDataException">A line is no centre in one of the images.</exception>
    public static IReadOnlyList<IReadOnlyList<(int X, int Y)>> Centres(Stream file, int images)
    {
        var dots = Enumerable.Range(0, images).Select(static _ => new List<(int, int)>()).ToArray();
        foreach (var (line, values) in Csv.Rows(file, 3).Skip(1))
        {
            if (!(Number(values[0], images) is { } image && Number(values[1], Side) is { } x && Number(values[2], Side) is { } y))
                throw new InvalidDataException($"line {line}: {string.Join(',', values)}; must be an image below {images} and a place below {Side}");
            dots[image].Add((x, y));
        }

        return dots;
    }

    private static int? Number(string text, int end) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value < end ? value : null;

    private static byte[] Images(Stream file)
    {
        var (shape, values) = Idx.Bytes(file, 3);
        return shape[0] == PerShard && shape[1] == Side && shape[2] == Side ? values : throw new InvalidDataException($"{shape[0]} images of {shape[1]}x{shape[2]} pixels; must be {PerShard} of {Side}x{Side}");
    }
}
