using MoE.Samples.Frame;

namespace MoE.Samples.Data;

/// <summary>Where data sets lie: <c>--data</c> wins over MOE_DATA, that over the user's cache. A data set is a subfolder of its name.</summary>
/// <param name="given">The folder after <c>--data</c>, or null.</param>
public sealed class DataFolders(string? given)
{
    /// <summary>The folder in use.</summary>
    public string Root { get; } = given ?? FromEnvironment() ?? UserCache();

    /// <summary>A file of a data set, or null if it is not there.</summary>
    public string? Find(string dataSet, string file)
    {
        string path = Place(dataSet, file);
        return File.Exists(path) ? path : null;
    }

    /// <summary>The folder of a data set with all its files.</summary>
    /// <exception cref="MissingDataException">A file is not there: the message says which ones and how to get them.</exception>
    public string Require(DataSet set)
    {
        var absent = set.Files.Where(f => Find(set.Name, f.Name) is null).Select(static f => f.Name).ToList();
        string folder = Path.Combine(Root, set.Name);
        if (absent.Count == 0) return folder;
        string what = absent.Count <= 3 ? string.Join(", ", absent) : $"{absent[0]} and {absent.Count - 1} more files";
        string cure = set.Kind == DataKind.Prepared ? "it is prepared by hand, see `data list`" : $"`data get {set.Name}` fetches it";
        throw new MissingDataException($"{set.Name}: {what} not in {folder}; {cure}; --data or MOE_DATA name another folder");
    }

    /// <summary>Reads a file of a data set.</summary>
    /// <param name="set">The set; all its files must be there.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="read">Takes the open file.</param>
    /// <exception cref="MissingDataException">Files are not there.</exception>
    /// <exception cref="InvalidDataException">The file cannot be read or is damaged; the message names it.</exception>
    public T Read<T>(DataSet set, string file, Func<Stream, T> read)
    {
        string path = Path.Combine(Require(set), file);
        try
        {
            using var stream = File.OpenRead(path);
            return read(stream);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Where a file of a data set belongs.</summary>
    public string Place(string dataSet, string file) => Path.Combine(Root, dataSet, file);

    private static string? FromEnvironment() => Environment.GetEnvironmentVariable("MOE_DATA") is { Length: > 0 } folder ? folder : null;

    private static string UserCache()
    {
        string local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return Path.Combine(local.Length > 0 ? local : Path.GetTempPath(), "MoE", "data");
    }
}
