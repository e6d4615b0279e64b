using System.CommandLine;
using MoE.Samples.Frame;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>run ID</c> and <c>run all</c>.</summary>
internal sealed class RunVerb(IAnsiConsole console, TextWriter error, IReadOnlyList<Reproduction> samples, CancellationToken cancellation)
{
    private const string All = "all";

    /// <summary>The verb.</summary>
    public Command Command()
    {
        var id = new Argument<string>("ID") { Description = "A sample of the list, or all." };
        var command = new Command("run", "Runs a sample, or all of them.") { id };
        var settings = new RunSettings(command);
        command.SetAction(parsed => Run(parsed.GetRequiredValue(id), settings, parsed));
        return command;
    }

    /// <summary>Lets a command run the first sample.</summary>
    public void RunWithoutVerb(Command root)
    {
        var settings = new RunSettings(root);
        root.SetAction(parsed => Run(samples[0].Id, settings, parsed));
    }

    private int Run(string id, RunSettings settings, ParseResult parsed)
    {
        var chosen = id == All ? samples : [.. samples.Where(s => s.Id == id)];
        var options = settings.Options(parsed);
        if (Refusal(id, chosen, options.Ablated) is { } refusal) return Refuse(refusal);
        if (settings.Problem(parsed) is { } problem) return Refuse(problem);

        var runner = new Runner(console, options, cancellation);
        var results = new List<RunResult>();
        bool cancelled = false, damaged = false, broken = false;
        foreach (var sample in chosen)
        {
            if (cancelled)
            {
                results.Add(runner.Skipped(sample));
                continue;
            }

            if (id == All) console.MarkupLineInterpolated($"\n[bold]{sample.Id}[/] ({results.Count + 1} of {chosen.Count}): {sample.Title}");
            var outcome = runner.Run(sample);
            results.Add(outcome.Result);
            cancelled = outcome.Cancelled;
            damaged |= outcome.Damaged;
            broken |= outcome.Broken;
        }

        if (id == All) runner.WriteOverview(results);
        if (settings.Csv(parsed) is { } table && Unwritten("--csv", table, ResultCsv.Write(results)) is { } unwritten) return Refuse(unwritten);
        if (settings.Json(parsed) is { } file && Unwritten("--json", file, id == All ? ResultJson.Write(results) : ResultJson.Write(results[0])) is { } lost) return Refuse(lost);
        if (cancelled) return ExitCode.Cancelled;
        if (broken || results.Any(static r => r.ExactFailed)) return ExitCode.ExactClaimFailed;
        return damaged ? ExitCode.Usage : ExitCode.Ran;
    }

    private static string? Unwritten(string option, string file, string content)
    {
        try
        {
            AtomicFile.Write(file, content);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{option} {file}: cannot be written: {e.Message}";
        }
    }

    private string? Refusal(string id, IReadOnlyList<Reproduction> chosen, string? mechanism)
    {
        if (chosen.Count == 0) return $"{id}: no such sample; there are {string.Join(", ", samples.Select(static s => s.Id))}, and all for every one of them";
        if (mechanism is null) return null;
        if (id == All) return $"--ablate {mechanism}: needs one sample, not all";
        var names = chosen[0].Ablations.Select(static a => a.Name).ToList();
        if (names.Contains(mechanism)) return null;
        return names.Count == 0 ? $"--ablate {mechanism}: {id} has no mechanism to leave out" : $"--ablate {mechanism}: {id} has {string.Join(", ", names)}";
    }

    private int Refuse(string message)
    {
        error.WriteLine(message);
        return ExitCode.Usage;
    }
}
