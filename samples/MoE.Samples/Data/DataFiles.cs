using System.Text;
using MoE.Samples.Frame;

namespace MoE.Samples.Data;

/// <summary>Opens files of data sets. They are not trusted: lines have a length, files a number of lines, and both are bounded before anything is kept.</summary>
public static class DataFiles
{
    /// <summary>Opens a file of a data set.</summary>
    /// <param name="folders">Where data sets lie.</param>
    /// <param name="dataSet">Name of the data set.</param>
    /// <param name="file">Name of the file in it.</param>
    /// <param name="otherwise">Another folder that a system package puts the data set into, or null.</param>
    /// <exception cref="MissingDataException">It is not there.</exception>
    public static FileStream Open(DataFolders folders, string dataSet, string file, string? otherwise = null)
    {
        ArgumentNullException.ThrowIfNull(folders);
        string? path = folders.Find(dataSet, file);
        if (path is null && otherwise is not null && File.Exists(Path.Combine(otherwise, file))) path = Path.Combine(otherwise, file);
        if (path is null) throw new MissingDataException($"data set {dataSet}: {folders.Place(dataSet, file)} is not there; --data or MOE_DATA names the folder it lies in, and data list says where it comes from");
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingDataException($"data set {dataSet}: {path} cannot be read: {e.Message}");
        }
    }

    /// <summary>The lines of a UTF-8 text.</summary>
    /// <param name="stream">The text.</param>
    /// <param name="maxLines">More are refused.</param>
    /// <param name="maxLength">Longer lines are refused, in characters.</param>
    /// <exception cref="InvalidDataException">Not UTF-8, or beyond a limit; the message names the line.</exception>
    public static IEnumerable<string> Lines(Stream stream, int maxLines, int maxLength)
    {
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        var line = new StringBuilder();
        var buffer = new char[4096];
        int number = 1;
        for (int read; (read = Read(reader, buffer, number)) > 0;)
        {
            for (int start = 0; start < read;)
            {
                int end = Array.IndexOf(buffer, '\n', start, read - start);
                int stop = end < 0 ? read : end;
                if (line.Length + stop - start > maxLength + 1) throw new InvalidDataException($"line {number} is longer than {maxLength} characters");
                line.Append(buffer, start, stop - start);
                start = stop + 1;
                if (end < 0) continue;
                yield return Take(line, number++, maxLines);
            }
        }

        if (line.Length > 0) yield return Take(line, number, maxLines);
    }

    private static string Take(StringBuilder line, int number, int maxLines)
    {
        if (number > maxLines) throw new InvalidDataException($"more than {maxLines} lines");
        if (line.Length > 0 && line[^1] == '\r') line.Length--;
        string text = line.ToString();
        line.Clear();
        return text;
    }

    private static int Read(StreamReader reader, char[] buffer, int number)
    {
        try
        {
            return reader.Read(buffer, 0, buffer.Length);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"near line {number}: not UTF-8", e);
        }
    }
}
