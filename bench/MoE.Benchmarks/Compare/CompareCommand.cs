using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;
using Spectre.Console;

namespace MoE.Benchmarks;

/// <summary>The verb <c>compare</c>.</summary>
internal static class CompareCommand
{
    // Wide enough for any line where there is no terminal to fit.
    private const int RedirectedWidth = 200;

    /// <summary>The verb with its options.</summary>
    public static Command Create()
    {
        var size = new Option<string>("--size") { Description = "quick (under three minutes on two quiet cores) or full", DefaultValueFactory = static _ => "quick" };
        size.AcceptOnlyFromAmong("quick", "full");
        var threads = new Option<int[]>("--threads")
        {
            Description = "thread counts, separated by commas",
            HelpName = "1,2",
            CustomParser = ParseThreads,
            DefaultValueFactory = static _ => Environment.ProcessorCount > 1 ? [1, 2] : [1],
        };
        var json = new Option<string>("--json") { Description = "where the report goes", HelpName = "FILE", DefaultValueFactory = static _ => ReportFile.DefaultPath };
        var page = new Option<string?>("--page") { Description = "also as a page of Markdown, with a chart beside it", HelpName = "FILE" };
        var from = new Option<string?>("--from") { Description = "measure nothing: take this report for the page", HelpName = "FILE" };
        var only = new Option<string?>("--only") { Description = "only the cases whose name holds this, such as train or infer/A", HelpName = "TEXT" };
        var command = new Command("compare", "Measures this library against its rivals in turns, on the same weights and inputs.") { size, threads, json, page, from, only };
        command.SetAction(result => result.GetValue(from) is { } report ? Page(report, result.GetValue(page)) : Run(
            result.GetRequiredValue(size) == "full" ? CompareSize.Full : CompareSize.Quick,
            result.GetRequiredValue(threads),
            result.GetRequiredValue(json),
            result.GetValue(page),
            result.GetValue(only)));
        return command;
    }

    private static int Page(string report, string? page)
    {
        if (page is null)
        {
            Console.Error.WriteLine("--from needs --page.");
            return 2;
        }

        try
        {
            ReportPage.Write(page, ReportFile.FromJson(File.ReadAllText(report)));
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Text.Json.JsonException or InvalidDataException)
        {
            Console.Error.WriteLine($"{report}: {e.Message}");
            return 2;
        }
    }

    private static int Run(CompareSize size, IReadOnlyList<int> threads, string json, string? page, string? only)
    {
        IReadOnlyList<PromisedCase> promised = [.. PromiseTable.Of(size, threads).Where(p => only is null || p.Case.Name.Contains(only, StringComparison.Ordinal))];
        if (promised.Count == 0)
        {
            Console.Error.WriteLine($"--only {only}: no case of this size is called so.");
            return 2;
        }

        using var cancel = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        var outcome = Watch(view =>
        {
            using var run = new CompareRun(size, view, TimeProvider.System);
            return run.Run(promised, withFacts: only is null, cancel.Token);
        });
        ReportFile.Write(json, outcome.Report);
        if (page is not null) ReportPage.Write(page, outcome.Report);
        Tell(outcome, json);
        return outcome.ExitCode;

        void Cancel(PosixSignalContext context)
        {
            // However often it comes: the parent passes on what a whole process group may have got already.
            context.Cancel = true;
            cancel.Cancel();
        }
    }

    private static CompareOutcome Watch(Func<ICompareView, CompareOutcome> work)
    {
        if (Console.IsErrorRedirected) return work(new PlainView(Console.Error, TimeProvider.System));
        return BarView.Show(AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }), work);
    }

    private static void Tell(CompareOutcome outcome, string json)
    {
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = RedirectedWidth;
        CompareTable.Write(AnsiConsole.Console, outcome.Report);
        if (outcome.Report.Engine is { } engine) foreach (string line in engine.Lines) Console.WriteLine(line);
        Console.WriteLine($"Report: {json}");
        if (outcome.Cancelled) Console.Error.WriteLine("Cancelled; the finished rows are in the report.");
        foreach (string problem in outcome.Problems) Console.Error.WriteLine($"PROBLEM {problem}");
        if (outcome.Missing.Count == 0) return;
        Console.Error.WriteLine($"{outcome.Missing.Count} promised rows are missing.");
        if (outcome.Cancelled) return;
        foreach (string row in outcome.Missing) Console.Error.WriteLine($"MISSING {row}");
    }

    private static int[] ParseThreads(ArgumentResult result)
    {
        var counts = new List<int>();
        foreach (string part in string.Join(',', result.Tokens.Select(static t => t.Value)).Split(',', StringSplitOptions.TrimEntries))
        {
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1 && count <= Environment.ProcessorCount) counts.Add(count);
            else result.AddError($"--threads: '{part}' must be a whole number in 1..{Environment.ProcessorCount}, the processors of this machine.");
        }

        return [.. counts.Distinct().Order()];
    }
}
