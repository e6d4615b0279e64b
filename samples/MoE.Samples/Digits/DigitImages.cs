using MoE.Samples.Data;

namespace MoE.Samples.Digits;

/// <summary>Images of digits: 64 pixels each, row by row, between 0 (white) and 1, and their labels.</summary>
/// <param name="Pixels">[count, 64].</param>
/// <param name="Labels">[count], each 0..9.</param>
public sealed record DigitImages(float[] Pixels, int[] Labels)
{
    /// <summary>Pixels of an image.</summary>
    public const int Size = 64;

    /// <summary>Digits.</summary>
    public const int Classes = 10;

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>The digits of the data folder if there are any, otherwise those that are built in.</summary>
    /// <exception cref="InvalidDataException">The file in the data folder is damaged.</exception>
    public static DigitImages Load(DataFolders folders)
    {
        var set = DataCatalogue.Digits;
        if (folders.Find(set.Name, set.Files[0].Name) is not { } path)
        {
            using var builtIn = set.Open!();
            return DigitReader.Read(builtIn);
        }

        try
        {
            using var file = File.OpenRead(path);
            return DigitReader.Read(file);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}
