using System.Diagnostics;
using Spectre.Console;

namespace MoE.Samples.Frame;

/// <summary>
/// Shows how far a run is: a bar with the time left on a terminal, plain lines elsewhere. Everything is drawn by the thread that reports, never by a timer:
/// TorchSharp hands native calls scalars that the garbage collector may free when another thread allocates meanwhile.
/// </summary>
public sealed class RunProgress
{
    private readonly Action<double> _report;
    private readonly Action<string> _say;

    private RunProgress(Action<double> report, Action<string> say)
    {
        _report = report;
        _say = say;
    }

    /// <summary>Shows nothing.</summary>
    public static RunProgress None { get; } = new(static _ => { }, static _ => { });

    /// <summary>The fraction done, 0..1.</summary>
    public void Report(double fraction) => _report(fraction);

    /// <summary>A line about a finished part. A terminal, which shows the bar, leaves it out.</summary>
    public void Say(string line) => _say(line);

    /// <summary>Runs something with progress on a console.</summary>
    /// <param name="console">The console.</param>
    /// <param name="title">What is going on, in a few words.</param>
    /// <param name="run">What to run.</param>
    public static void Show(IAnsiConsole console, string title, Action<RunProgress> run)
    {
        if (console.Profile.Capabilities is { Interactive: true, Ansi: true }) ShowBar(console, title, run);
        else ShowLines(console.Profile.Out.Writer, run);
    }

    // A line now and then: what takes less than half a minute says nothing.
    private static void ShowLines(TextWriter output, Action<RunProgress> run)
    {
        long begun = Stopwatch.GetTimestamp(), said = begun;
        run(new RunProgress(
            fraction =>
            {
                if (Stopwatch.GetElapsedTime(said).TotalSeconds < 30 || fraction is not (> 0 and < 1)) return;
                output.WriteLine($"{100 * fraction:0} %, about {Stopwatch.GetElapsedTime(begun).TotalSeconds * (1 - fraction) / fraction:0} s left");
                said = Stopwatch.GetTimestamp();
            },
            output.WriteLine));
    }

    private static void ShowBar(IAnsiConsole console, string title, Action<RunProgress> run) =>
        console.Progress()
            .AutoRefresh(false)
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(bar =>
            {
                var task = bar.AddTask(Markup.Escape(title));
                long drawn = Stopwatch.GetTimestamp();
                run(new RunProgress(
                    fraction =>
                    {
                        if (Stopwatch.GetElapsedTime(drawn).TotalMilliseconds < 100) return;
                        task.Value = 100 * Math.Clamp(fraction, 0, 1);
                        bar.Refresh();
                        drawn = Stopwatch.GetTimestamp();
                    },
                    static _ => { }));
            });
}
