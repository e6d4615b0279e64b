using Spectre.Console;

namespace MoE.Benchmarks;

/// <summary>A progress bar for terminals. It is drawn only when told to: a timer would run beside the contenders.</summary>
internal sealed class BarView : ICompareView
{
    private readonly IAnsiConsole _console;
    private readonly ProgressContext _context;
    private readonly ProgressTask _task;

    private BarView(IAnsiConsole console, ProgressContext context)
    {
        _console = console;
        _context = context;
        _task = context.AddTask("comparing");
    }

    /// <summary>Runs work under a bar.</summary>
    public static T Show<T>(IAnsiConsole console, Func<ICompareView, T> work) => console.Progress()
        .AutoRefresh(false)
        .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
        .Start(context => work(new BarView(console, context)));

    /// <inheritdoc/>
    public void Begin(int cases)
    {
        _task.MaxValue = cases;
        _context.Refresh();
    }

    /// <inheritdoc/>
    public void Doing(string step)
    {
        _task.Description = Markup.Escape(step);
        _context.Refresh();
    }

    /// <inheritdoc/>
    public void Tick() => _context.Refresh();

    /// <inheritdoc/>
    public void Done(BenchCase @case, IReadOnlyList<CompareRow> rows)
    {
        _task.Increment(1);
        _context.Refresh();
    }

    /// <inheritdoc/>
    public void Problem(string problem) => _console.MarkupLineInterpolated($"[red]{problem}[/]");
}
