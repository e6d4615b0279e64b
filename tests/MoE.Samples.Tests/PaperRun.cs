using System.Text.Json;
using MoE.Samples.Commands;
using MoE.Samples.Frame;

namespace MoE.Samples.Tests;

/// <summary>A paper at tiny scale through the command line.</summary>
internal static class PaperRun
{
    /// <summary>Runs it; fails the test unless it ends with 0, writes a result of schema 1 and a report, and every claim has a measurement.</summary>
    public static JsonElement Of(Reproduction sample, params string[] args)
    {
        using var folder = new TemporaryFolder();
        string json = Path.Combine(folder.Path, "result.json");
        var outcome = Shell.Run([sample], ["run", sample.Id, "--json", json, "--out", folder.Path, .. args]);
        Assert.True(outcome.ExitCode == ExitCode.Ran && outcome.Error.Length == 0, $"exit code {outcome.ExitCode}: {outcome.Error}{outcome.Output}");
        var result = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        ResultSchema.Check(result);
        Assert.Contains("<svg", File.ReadAllText(Path.Combine(folder.Path, sample.Id, "report.html")), StringComparison.Ordinal);
        return result;
    }

    /// <summary>Fails the test where a claim or control was not run.</summary>
    public static void EverythingMeasured(JsonElement result) =>
        Assert.All(result.GetProperty("claims").EnumerateArray().Concat(result.GetProperty("controls").EnumerateArray()), static c => Assert.True(c.GetProperty("verdict").GetString() != "not-run", c.GetProperty("id").GetString()));

    /// <summary>The measured value of a claim or control.</summary>
    public static double Measured(JsonElement result, string id)
    {
        var value = Claim(result, id).GetProperty("measured");
        return value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, System.Globalization.CultureInfo.InvariantCulture) : value.GetDouble();
    }

    /// <summary>The verdict of a claim or control.</summary>
    public static string Verdict(JsonElement result, string id) => Claim(result, id).GetProperty("verdict").GetString()!;

    private static JsonElement Claim(JsonElement result, string id) =>
        result.GetProperty("claims").EnumerateArray().Concat(result.GetProperty("controls").EnumerateArray()).Single(c => c.GetProperty("id").GetString() == id);
}
