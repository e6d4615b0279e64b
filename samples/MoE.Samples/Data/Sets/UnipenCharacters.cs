using System.IO.Compression;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>Isolated handwritten characters with the writer of each.</summary>
/// <param name="Pixels">[images, 28 * 28], 0 (paper) to 255 (ink).</param>
/// <param name="Labels">[images], index in 0-9A-Za-z.</param>
/// <param name="Writers">[images], number of the writer.</param>
public sealed record UnipenCharacters(byte[] Pixels, byte[] Labels, short[] Writers)
{
    /// <summary>Pixels per side.</summary>
    public const int Side = 28;

    /// <summary>Digits, upper case, lower case.</summary>
    public const int Classes = 62;

    private const int Shards = 8;

    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "unipen-chars",
        "99,458 isolated characters of 247 writers, 62 classes, 28x28 pixels (UNIPEN train_r01_v07, categories 1a, 1b, 1c)",
        "CC BY 4.0; the notice of the 1999 CD-ROM allowed research only",
        "I. Guyon et al. (1994): UNIPEN project of on-line data exchange and recognizer benchmarks. ICPR; doi 10.5281/zenodo.1195803",
        DataKind.Prepared,
        [
            new("images-0.idx3-ubyte.gz", 930146, "172f2c6a6436aea1bfec2984df8d035390776849bb09303e5ce8e4597981d4b6"),
            new("images-1.idx3-ubyte.gz", 983002, "6455d375cf4bd4feabf2c4094aa635b72604b98ab18f36d4cffc1eb22570dc1a"),
            new("images-2.idx3-ubyte.gz", 915371, "ed03c52a2ac5a62422fe0ced05e7746e6f5c424019e09a48c35bfbfa75371bea"),
            new("images-3.idx3-ubyte.gz", 941124, "981a89f308d62d48952b207dfbb2323cca0097efe81977cc2d21609e428e596b"),
            new("images-4.idx3-ubyte.gz", 909963, "e147ac4a28bbb6a6cf79b5f0e70a54c8bdf8d9fffdbe5825086d2731bcec6218"),
            new("images-5.idx3-ubyte.gz", 1000023, "81395e9a0cb975e648792c10a47ab0f0c758841a09914c4121039bdaa2cf5c3c"),
            new("images-6.idx3-ubyte.gz", 965004, "5bd8a387dc3bc8fe4a8f85a403600c1f2538be8dd23f9162ac01229cc42cd810"),
            new("images-7.idx3-ubyte.gz", 926544, "707b2f3297161160c04c9e1d5e709f8cf51bf705ddaafc9329bc468373764e61"),
            new("labels.idx1-ubyte.gz", 11114, "d5a58f5ed3510dd3560999353028bad061d23206cc5ebb061afe5527dba3e8a8"),
            new("writers.idx1-short.gz", 882, "12d2af39a02be7f871b1c15575bb94899b41778b5f130d000104b4654bbc74fc"),
        ],
        "Pen strokes of github.com/GreenCappuccino/train_r01_v07 (commit 552a4d4), converted: every .SEGMENT CHARACTER of the files in 1a, 1b and 1c is resolved to its .PEN_DOWN strokes (pen-down components alone are counted), " +
        "drawn with a round pen of about 2 pixels into 28x28, the longer side 19 pixels, centred on the mean point, ink 255. Left out: contributors cea, ceb, lou, pri and tos, whose numbering does not resolve, and labels that are not one ASCII letter or digit. " +
        "Rows are sorted by writer, then label; idx files as of MNIST, images in eight parts, writers of type 0x0B.");

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Reads it.</summary>
    /// <exception cref="Frame.MissingDataException">It is not in the data folder.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static UnipenCharacters Load(DataFolders folders)
    {
        byte[] labels = folders.Read(Set, "labels.idx1-ubyte.gz", static file => Idx.Bytes(Unpack(file), 1).Values);
        short[] writers = folders.Read(Set, "writers.idx1-short.gz", static file => Idx.Shorts(Unpack(file), 1).Values);
        byte[] pixels = [.. Enumerable.Range(0, Shards).SelectMany(i => folders.Read(Set, $"images-{i}.idx3-ubyte.gz", static file => Images(Unpack(file))))];
        return new UnipenCharacters(pixels, labels, writers).Checked();
    }

    private UnipenCharacters Checked()
    {
        if (Pixels.Length != Count * Side * Side || Writers.Length != Count) throw new InvalidDataException($"{Set.Name}: {Pixels.Length / (Side * Side):N0} images, {Count:N0} labels and {Writers.Length:N0} writers; must be as many");
        if (Labels.Any(static l => l >= Classes)) throw new InvalidDataException($"{Set.Name}: a label is {Labels.Max()}; must be below {Classes}");
        return this;
    }

    private static byte[] Images(Stream file)
    {
        var (shape, values) = Idx.Bytes(file, 3);
        return shape[1] == Side && shape[2] == Side ? values : throw new InvalidDataException($"images of {shape[1]}x{shape[2]} pixels; must be {Side}x{Side}");
    }

    private static GZipStream Unpack(Stream file) => new(file, CompressionMode.Decompress);
}
