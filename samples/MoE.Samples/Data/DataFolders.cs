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

    /// <summary>Where a file of a data set belongs.</summary>
    public string Place(string dataSet, string file) => Path.Combine(Root, dataSet, file);

    private static string? FromEnvironment() => Environment.GetEnvironmentVariable("MOE_DATA") is { Length: > 0 } folder ? folder : null;

    private static string UserCache()
    {
        string local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return Path.Combine(local.Length > 0 ? local : Path.GetTempPath(), "MoE", "data");
    }
}
