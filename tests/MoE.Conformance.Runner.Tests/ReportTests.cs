namespace MoE.Conformance.Runner.Tests;

/// <summary>The table at the end of a run.</summary>
public sealed class ReportTests
{
    [Fact]
    public void The_table_counts_by_peer_function_and_engine_and_is_never_cut()
    {
        var golden = Golden.Read(Golden.Json("megatron/z_loss_func__t1_e2.json"));
        string longName = new('f', 300);
        var report = new Report();
        report.Add(new Row("a.json", "managed", RowKind.Forward, golden, null), new RowResult(Outcome.Passed, 7, null));
        report.Add(new Row("b.json", "managed", RowKind.Forward, golden, null), new RowResult(Outcome.Failed, 5, "wrong"));
        report.Add(new Row("b.json", "torch", RowKind.Gradient, golden, null), new RowResult(Outcome.Passed, 3, null));
        report.Add(new Row("c.json", "-", RowKind.Unclaimed, golden with { Function = longName }, "no"), new RowResult(Outcome.Skipped, 0, "no"));
        report.Add(new Row("d.json", "-", RowKind.Unreadable, null, "cannot be parsed"), new RowResult(Outcome.Failed, 0, "no"));
        string[] lines = report.Table().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] cells = [.. lines.Select(static l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Equal(
            [
                "Conformance",
                "peer function engine passed failed skipped values",
                "- d.json cannot be parsed - 0 1 0 0",
                $"megatron {longName} - 0 0 1 0",
                "megatron z_loss_func managed 1 1 0 12",
                "megatron z_loss_func torch 1 0 0 3",
                "total 2 2 1 15",
            ],
            cells);
        Assert.Equal("failed b.json managed forward: 5 values compared; wrong", report.Rows().Split('\n')[1]);
    }
}
