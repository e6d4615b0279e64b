using System.Globalization;
using System.Net;
using System.Text;

namespace MoE.Benchmarks;

/// <summary>A report as a page of Markdown with a chart beside it: what is kept of a run.</summary>
public static class ReportPage
{
    private const int BarHeight = 16, Left = 300, Scale = 110, Most = 5;

    /// <summary>Writes the page and, beside it, the chart (same name, <c>.svg</c>). Readers see the old files or the whole new ones.</summary>
    /// <param name="path">Name of the page.</param>
    /// <param name="report">The report.</param>
    public static void Write(string path, CompareReport report)
    {
        string chart = Path.ChangeExtension(path, ".svg");
        ReportFile.WriteText(chart, ToSvg(report));
        ReportFile.WriteText(path, ToMarkdown(report, Path.GetFileName(chart)));
    }

    /// <summary>The page.</summary>
    /// <param name="report">The report.</param>
    /// <param name="chart">Name of the chart.</param>
    public static string ToMarkdown(CompareReport report, string chart)
    {
        ArgumentNullException.ThrowIfNull(report);
        var page = new StringBuilder();
        page.Append("""
            # Performance

            What `compare` gave on one machine, so that a change can be held against it. Only ratios and shares of the probes mean anything elsewhere: how `compare` measures, and against whom, is in [its README](../bench/MoE.Benchmarks/README.md). This page is written by

            ```
            dotnet run -c Release --project bench/MoE.Benchmarks -- compare --page docs/performance.md
            ```


            """);
        page.Append(CultureInfo.InvariantCulture, $"{report.Date:yyyy-MM-dd}, {report.Machine}, {report.Cores} cores. Probes by threads: ");
        page.AppendJoin(", ", report.FmaProbeGflops.OrderBy(static p => p.Key).Select(static p => string.Create(CultureInfo.InvariantCulture, $"{p.Key}: {p.Value:f0} GFLOP/s of fused multiply-adds")));
        page.Append("; ");
        page.AppendJoin(", ", report.ReadProbeGbs.OrderBy(static p => p.Key).Select(static p => string.Create(CultureInfo.InvariantCulture, $"{p.Key}: {p.Value:f0} GB/s read")));
        page.Append(CultureInfo.InvariantCulture, $"""
            .

            A: D 1024, F 2048, E 8, K 2. B: D 1024, F 1024, E 64, K 8. SwiGLU. Ratios are medians over that of `moe`; above 1, `moe` is faster. A read share above 100 % means that part of the weights still lay in a cache.

            ![ratios]({chart})

            | case | contender | median, ms | ratio | of FMA | of read | largest difference |
            | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var row in report.Rows)
            page.Append(CultureInfo.InvariantCulture, $"| {row.Case} | {row.Contender} | {row.MedianMs:g3} | {Ratio(row.RatioToOurs)} | {Share(row.FmaShare)} | {Share(row.ReadShare)} | {row.MaxAbsDiff:g2} |\n");
        foreach (string line in report.Engine?.Lines ?? []) page.Append(CultureInfo.InvariantCulture, $"\n{line}\n");
        return page.ToString();
    }

    /// <summary>The ratios as bars; longer bars than five are cut and say their number.</summary>
    /// <param name="report">The report.</param>
    public static string ToSvg(CompareReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var rows = report.Rows.Where(static r => r.Contender != ContenderNames.Ours && r.RatioToOurs is not null).ToArray();
        int height = 40 + rows.Length * BarHeight, width = Left + Most * Scale + 80;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<text x=\"8\" y=\"18\" font-size=\"13\">Time over that of moe; right of the line, moe is faster</text>\n");
        for (int i = 0; i < rows.Length; i++)
        {
            double ratio = rows[i].RatioToOurs!.Value;
            int y = 30 + i * BarHeight;
            string name = WebUtility.HtmlEncode($"{rows[i].Case}  {rows[i].Contender}");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 6}\" y=\"{y + 11}\" text-anchor=\"end\">{name}</text><rect x=\"{Left}\" y=\"{y + 2}\" width=\"{Math.Min(ratio, Most) * Scale:f1}\" height=\"{BarHeight - 4}\" fill=\"{(ratio >= 1 ? "#2a7f62" : "#b5483a")}\"/><text x=\"{Left + Math.Min(ratio, Most) * Scale + 4:f1}\" y=\"{y + 11}\">{ratio:f2}</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left + Scale}\" x2=\"{Left + Scale}\" y1=\"26\" y2=\"{height - 6}\" stroke=\"#222\"/>\n</svg>\n");
        return svg.ToString();
    }

    private static string Ratio(double? ratio) => ratio is { } r ? r.ToString("f2", CultureInfo.InvariantCulture) : "-";

    private static string Share(double? share) => share is { } s ? (100 * s).ToString("f0", CultureInfo.InvariantCulture) + " %" : "-";
}
