using System.Globalization;
using Spectre.Console;

namespace MoE.Benchmarks;

/// <summary>The report as a table that fits a terminal of eighty columns.</summary>
internal static class CompareTable
{
    private static readonly string[] Numbers = ["median ms", "min ms", "spread", "ratio", "FMA", "read", "diff"];

    /// <summary>Writes the table and what it needs to be read.</summary>
    public static void Write(IAnsiConsole console, CompareReport report)
    {
        var table = new Table().Border(TableBorder.None);
        table.AddColumn(new TableColumn("").NoWrap().PadLeft(0));
        foreach (string number in Numbers) table.AddColumn(new TableColumn(number).RightAligned().NoWrap().PadLeft(0));
        foreach (var rows in report.Rows.GroupBy(static r => r.Case))
        {
            table.AddEmptyRow();
            table.AddRow(new Text(rows.Key, new Style(decoration: Decoration.Bold)));
            foreach (var row in rows)
                table.AddRow($"  {row.Contender}", Milliseconds(row.MedianMs), Milliseconds(row.MinMs), Percent(row.Spread), Ratio(row.RatioToOurs), Percent(row.FmaShare), Percent(row.ReadShare), Text("0.0e+0", row.MaxAbsDiff));
        }

        console.Write(table);
        console.WriteLine();
        console.WriteLine($"ratio: median over that of {ContenderNames.Ours}, above 1 {ContenderNames.Ours} is faster; FMA, read: share of the probe; diff: largest from the reference.");
        foreach (var (threads, gflops) in report.FmaProbeGflops)
            console.WriteLine($"Probes with {threads} thread{(threads == 1 ? "" : "s")}: {Text("0", gflops)} GFLOP/s of fused multiply-adds, {Text("0.0", report.ReadProbeGbs[threads])} GB/s read.");
        console.WriteLine(report.Machine);
    }

    /// <summary>A time with three significant digits.</summary>
    public static string Milliseconds(double ms) => Text(ms < 0.01 ? "0.00000" : ms < 0.1 ? "0.0000" : ms < 1 ? "0.000" : ms < 10 ? "0.00" : ms < 100 ? "0.0" : "0", ms);

    private static string Ratio(double? ratio) => ratio is { } r ? Text(r < 10 ? "0.00" : "0.0", r) : "";

    private static string Percent(double? share) => share is { } s ? Text("0", 100 * s) + "%" : "";

    private static string Text(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);
}
