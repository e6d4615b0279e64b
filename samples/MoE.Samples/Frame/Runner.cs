using System.Diagnostics;
using System.Globalization;
using MoE.Samples.Reports;
using Spectre.Console;

namespace MoE.Samples.Frame;

/// <summary>Runs a sample: progress, time, verdicts, screen and report.</summary>
public sealed class Runner(IAnsiConsole console, RunOptions options, CancellationToken cancellation)
{
    /// <summary>What came of a run.</summary>
    /// <param name="Result">The result; complete in form even where nothing was measured.</param>
    /// <param name="Cancelled">It was stopped before its end.</param>
    /// <param name="Damaged">A data file could not be read.</param>
    /// <param name="Broken">The sample threw what it should not.</param>
    public sealed record Outcome(RunResult Result, bool Cancelled, bool Damaged, bool Broken);

    /// <summary>Runs it, prints what it found and writes its report.</summary>
    public Outcome Run(Reproduction sample)
    {
        var findings = new Findings();
        var watch = Stopwatch.StartNew();
        RunContext? context = null;
        Exception? problem = null;
        RunProgress.Show(console, sample.Title, progress =>
        {
            context = new RunContext { Seed = options.Seed, Scale = options.Scale, Ablated = options.Ablated, Data = options.Data, Cache = Path.Combine(options.Out, sample.Id, "cache"), Progress = progress, Cancellation = cancellation };
            try
            {
                sample.Run(context, findings);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                context.Cancel();
            }
            catch (Exception e)
            {
                problem = e;
            }
        });

        var result = Result(sample, context!.FinishedSeeds, findings, watch.Elapsed, problem?.Message ?? (context.Cancelled ? "cancelled before it was measured" : "not measured"));
        bool expected = problem is null or MissingDataException or InvalidDataException;
        // A mistake of the sample does not take the others down; whoever mends it needs the whole story.
        Print(result, findings, context.Cancelled, expected ? problem?.Message : $"{problem}");
        return new(result, context.Cancelled, problem is InvalidDataException, !expected);
    }

    /// <summary>The result of a sample that was never begun.</summary>
    public RunResult Skipped(Reproduction sample) => Result(sample, [], new Findings(), TimeSpan.Zero, "cancelled before it began");

    private RunResult Result(Reproduction sample, IReadOnlyList<long> seeds, Findings findings, TimeSpan elapsed, string missing)
    {
        var unknown = findings.Recorded.Except(sample.Claims.Concat(sample.Controls).Select(static c => c.Id)).ToList();
        if (unknown.Count > 0) throw new InvalidOperationException($"{sample.Id} recorded claims that it does not declare: {string.Join(", ", unknown)}");
        return new RunResult
        {
            Id = sample.Id,
            Paper = sample.Paper,
            Data = sample.Data,
            Scale = options.Scale,
            Seconds = Math.Round(elapsed.TotalSeconds, 3),
            Seeds = seeds,
            Ablated = options.Ablated,
            Claims = findings.Judge(sample.Claims, missing),
            Controls = findings.Judge(sample.Controls, missing),
            Numbers = new Dictionary<string, object>(findings.Numbers) { ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), ["machine"] = Machine.Name },
        };
    }

    private void Print(RunResult result, Findings findings, bool cancelled, string? problem)
    {
        if (cancelled) console.MarkupLineInterpolated($"[yellow]Cancelled: {result.Seeds.Count} finished seeds are kept.[/]");
        if (problem is not null) console.MarkupLineInterpolated($"[red]{result.Id} did not run:[/] {problem}");
        if (options.Ablated is { } mechanism) console.MarkupLineInterpolated($"[yellow]Without \"{mechanism}\": the claims that rest on it should not hold.[/]");
        foreach (var part in findings.Screen) console.Write(part);
        if (findings.Screen.Count == 0) console.Write(ClaimScreen.Table(result));
        console.Write(ClaimScreen.Verdicts(result));
        if ((findings.Page ?? (result.Paper.Length > 0 ? PaperPage.Of : null)) is { } page && result.Seeds.Count > 0) WriteReport(result, page);
        foreach (string line in findings.Next) Line(line);
    }

    // Past the layout, which would break paths at the width of the console.
    private void Line(string words) => console.Profile.Out.Writer.WriteLine(words);

    /// <summary>Writes one page about several runs.</summary>
    public void WriteOverview(IReadOnlyList<RunResult> results)
    {
        string path = Path.Combine(options.Out, "report.html");
        try
        {
            AtomicFile.Write(path, OverviewPage.Of(results, id => File.Exists(Path.Combine(options.Out, id, "report.html"))));
            Line($"Report on all of them: {path}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            console.MarkupLineInterpolated($"[red]The report could not be written:[/] {e.Message}");
        }
    }

    private void WriteReport(RunResult result, Func<RunResult, string> page)
    {
        string path = Path.Combine(options.Out, result.Id, "report.html");
        try
        {
            AtomicFile.Write(path, page(result));
            Line($"Report with charts and all claims: {path} ({result.Seconds:0} s)");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            console.MarkupLineInterpolated($"[red]The report could not be written:[/] {e.Message}");
        }
    }
}
