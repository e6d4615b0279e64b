using System.Text.Json;

namespace MoE.Benchmarks;

/// <summary>The report as a file.</summary>
public static class ReportFile
{
    /// <summary>Where the report goes unless a place is given, below the current folder.</summary>
    public static readonly string DefaultPath = Path.Combine("artifacts", "bench", "compare.json");

    /// <summary>The JSON form, indented, with a final newline.</summary>
    public static string ToJson(CompareReport report) => JsonSerializer.Serialize(report, ReportJson.Default.CompareReport) + "\n";

    /// <summary>Reads the JSON form.</summary>
    public static CompareReport FromJson(string json) =>
        JsonSerializer.Deserialize(json, ReportJson.Default.CompareReport) ?? throw new InvalidDataException("The report is null.");

    /// <summary>Writes a report; readers see the old file or the whole new one, nothing between. Missing folders are made.</summary>
    public static void Write(string path, CompareReport report) => WriteText(path, ToJson(report));

    internal static void WriteText(string path, string text)
    {
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        string fresh = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllText(fresh, text);
            File.Move(fresh, full, overwrite: true);
        }
        finally
        {
            File.Delete(fresh);
        }
    }
}
