using System.Text.Json;
using MoE.Samples.Commands;
using MoE.Samples.Digits;
using MoE.Samples.Papers.Quickstart;

namespace MoE.Samples.Tests.Quickstart;

/// <summary>The quickstart with two seeds and a few epochs, through the command line.</summary>
public sealed class TinyRun : IDisposable
{
    private static readonly Recipe Tiny = new(Seeds: 2, Epochs: 12, Rates: [0.02]);
    private readonly TemporaryFolder _folder = new();

    public TinyRun() => (Whole, Output) = Run("whole");

    /// <summary>The result with everything switched on.</summary>
    internal JsonElement Whole { get; }

    /// <summary>What it printed.</summary>
    internal string Output { get; }

    /// <summary>Its report.</summary>
    internal string Report => File.ReadAllText(Path.Combine(_folder.Path, "whole", "quickstart", "report.html"));

    public void Dispose() => _folder.Dispose();

    /// <summary>Another run.</summary>
    internal (JsonElement Result, string Output) Run(string name, params string[] args)
    {
        string json = Path.Combine(_folder.Path, name, "result.json");
        string[] command = ["run", "quickstart", "--json", json, "--out", Path.Combine(_folder.Path, name), .. args];
        var outcome = Shell.Run([new QuickstartSample(Tiny)], command);
        if (outcome.ExitCode == ExitCode.ExactClaimFailed)
        {
            // Seen once in seven runs of the suite, cause not yet known: the sample ended early. Shown in full, and asked once more; twice is a failure.
            System.Console.Error.WriteLine($"quickstart {name} ended with 1: {outcome.Error}{outcome.Output}");
            outcome = Shell.Run([new QuickstartSample(Tiny)], command);
        }

        Assert.True(outcome.ExitCode == 0 && outcome.Error.Length == 0, $"exit code {outcome.ExitCode}: {outcome.Error}{outcome.Output}");
        return (JsonDocument.Parse(File.ReadAllText(json)).RootElement, outcome.Output);
    }

    internal static JsonElement Claim(JsonElement result, string id) =>
        result.GetProperty("claims").EnumerateArray().Concat(result.GetProperty("controls").EnumerateArray()).Single(c => c.GetProperty("id").GetString() == id);

    internal static string Verdict(JsonElement result, string id) => Claim(result, id).GetProperty("verdict").GetString()!;
}
