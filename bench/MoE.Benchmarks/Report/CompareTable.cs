using System.Globalization;
using Spectre.Console;

namespace MoE.Benchmarks;

/// <summary>The report as a table.</summary>
internal static class CompareTable
{
    /// <summary>Writes the table and the probes below it.</summary>
    public static void Write(IAnsiConsole console, CompareReport report)
    {
        var table = new Table().Border(TableBorder.Minimal);
        table.AddColumn("case");
        table.AddColumn("contender");
        foreach (string column in (string[])["median ms", "min ms", "spread", "ratio to ours", "of FMA", "of read", "max diff"])
            table.AddColumn(new TableColumn(column).RightAligned());
        string last = "";
        foreach (var row in report.Rows)
        {
            if (last.Length > 0 && row.Case != last) table.AddEmptyRow();
            table.AddRow(row.Case == last ? "" : row.Case, row.Contender, Milliseconds(row.MedianMs), Milliseconds(row.MinMs), Percent(row.Spread),
                row.RatioToOurs is { } ratio ? ratio.ToString(ratio < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture) : "", Percent(row.FmaShare), Percent(row.ReadShare),
                row.MaxAbsDiff.ToString("0.0e+0", CultureInfo.InvariantCulture));
            last = row.Case;
        }

        console.Write(table);
        foreach (var (threads, gflops) in report.FmaProbeGflops)
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threads} thread{(threads == 1 ? "" : "s")}: {gflops:0} GFLOP/s of fused multiply-adds, {report.ReadProbeGbs[threads]:0.0} GB/s read"));
        console.WriteLine(report.Machine);
    }

    /// <summary>A time with three significant digits.</summary>
    public static string Milliseconds(double ms) => ms.ToString(ms < 0.01 ? "0.00000" : ms < 1 ? "0.0000" : ms < 10 ? "0.00" : ms < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static string Percent(double? share) => share is { } s ? (100 * s).ToString("0", CultureInfo.InvariantCulture) + "%" : "";
}
