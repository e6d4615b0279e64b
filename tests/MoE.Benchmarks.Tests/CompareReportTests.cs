using System.Text.Json;

namespace MoE.Benchmarks.Tests;

public sealed class CompareReportTests
{
    // Key by key from the fixed interface.
    private static readonly string[] ReportKeys = ["schema", "date", "machine", "cores", "fma_probe_gflops", "read_probe_gbs", "rows"];
    private static readonly string[] RowKeys = ["case", "mode", "config", "dtype", "T", "threads", "contender", "median_ms", "min_ms", "spread", "ratio_to_ours", "fma_share", "read_share", "max_abs_diff"];

    private static readonly BenchCase Case = new(BenchMode.Infer, BenchConfig.A, "fp32", 512, 1);

    private static CompareReport Report(params CompareRow[] rows) => new()
    {
        Date = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Machine = "m",
        Cores = 2,
        FmaProbeGflops = new SortedDictionary<int, double> { [1] = 100, [2] = 190 },
        ReadProbeGbs = new SortedDictionary<int, double> { [1] = 40, [2] = 50 },
        Rows = rows,
    };

    private static MeasuredCase Measured(BenchCase @case, params (string Name, double Median)[] contenders) =>
        new(@case, new ProbeResult(1, 200, 40), 200e6, [.. contenders.Select(static c => new MeasuredContender(c.Name, new SampleSummary(c.Median, c.Median / 2, 0.1, 5), 1e-7))]);

    [Fact]
    public void TheJsonHasExactlyTheKeysOfTheInterface()
    {
        using var json = JsonDocument.Parse(ReportFile.ToJson(Report([.. CompareRow.Of(Measured(Case, ("moe", 100)))])));
        Assert.Equal(ReportKeys, json.RootElement.EnumerateObject().Select(static p => p.Name));
        Assert.Equal(1, json.RootElement.GetProperty("schema").GetInt32());
        Assert.Equal(190, json.RootElement.GetProperty("fma_probe_gflops").GetProperty("2").GetDouble());
        var row = json.RootElement.GetProperty("rows")[0];
        Assert.Equal(RowKeys, row.EnumerateObject().Select(static p => p.Name));
        Assert.Equal(("infer/A/fp32/T512/th1", "infer", "A", "fp32", "moe"), (Text(row, "case"), Text(row, "mode"), Text(row, "config"), Text(row, "dtype"), Text(row, "contender")));
        Assert.Equal((512, 1), (row.GetProperty("T").GetInt32(), row.GetProperty("threads").GetInt32()));
    }

    [Fact]
    public void SharesAreOfTheProbes()
    {
        var row = CompareRow.Of(Measured(Case, ("moe", 100))).Single();
        // 6 x 512 x 2 x 1024 x 2048 operations in 0.1 s of 200 GFLOP/s; 200 MB in 0.1 s of 40 GB/s.
        Assert.Equal(12.884901888 / 0.1 / 200, row.FmaShare!.Value, 12);
        Assert.Equal(0.2 / 0.1 / 40, row.ReadShare!.Value, 12);
        var training = CompareRow.Of(Measured(Case with { Mode = BenchMode.Train }, ("moe", 300))).Single();
        Assert.Equal(row.FmaShare.Value, training.FmaShare!.Value, 12);
        Assert.Null(training.ReadShare);
    }

    [Fact]
    public void ARouterHasNoShares()
    {
        var row = CompareRow.Of(Measured(new BenchCase(BenchMode.Router, BenchConfig.Router(64, 8), "fp32", 1, 1), ("moe", 0.001))).Single();
        Assert.Equal("router/E64K8/fp32/T1/th1", row.Case);
        Assert.Null(row.FmaShare);
        Assert.Null(row.ReadShare);
    }

    [Fact]
    public void RatiosAreToOurs()
    {
        var rows = CompareRow.Of(Measured(Case, ("torch-loop", 250), ("moe", 100), ("ort-moe", 50)));
        Assert.Equal([2.5, 1.0, 0.5], rows.Select(static r => r.RatioToOurs!.Value));
        Assert.Null(CompareRow.Of(Measured(Case, ("torch-loop", 250))).Single().RatioToOurs);
    }

    [Fact]
    public void WritingReplacesTheFileAndLeavesNothingElse()
    {
        var folder = Directory.CreateTempSubdirectory("moe-bench-");
        try
        {
            string path = Path.Combine(folder.FullName, "deeper", "compare.json");
            ReportFile.Write(path, Report());
            var report = Report([.. CompareRow.Of(Measured(Case, ("torch-loop", 250)))]);
            ReportFile.Write(path, report);
            var read = ReportFile.FromJson(File.ReadAllText(path));
            Assert.Equal(report.Rows, read.Rows);
            Assert.Equal((report.Date, report.Machine, report.Cores, report.Schema), (read.Date, read.Machine, read.Cores, read.Schema));
            Assert.Equal(report.FmaProbeGflops, read.FmaProbeGflops);
            Assert.Equal([path], Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void OnlyACompleteRunWithoutProblemsSucceeds()
    {
        Assert.Equal(0, new CompareOutcome(Report(), [], [], Cancelled: false).ExitCode);
        Assert.Equal(1, new CompareOutcome(Report(), ["a difference"], [], Cancelled: false).ExitCode);
        Assert.Equal(1, new CompareOutcome(Report(), [], ["a row"], Cancelled: true).ExitCode);
    }

    private static string? Text(JsonElement row, string key) => row.GetProperty(key).GetString();

    [Fact]
    public void ThePageHasEveryRowAndTheChartEveryRival()
    {
        var report = Report([.. CompareRow.Of(Measured(Case, ("moe", 100), ("torch-loop", 250), ("ort-moe", 80)))]);
        string page = ReportPage.ToMarkdown(report, "chart.svg");
        Assert.Contains("2026-01-02, m, 2 cores", page, StringComparison.Ordinal);
        Assert.Contains("| infer/A/fp32/T512/th1 | torch-loop | 250 | 2.50 |", page, StringComparison.Ordinal);
        Assert.Contains("| infer/A/fp32/T512/th1 | moe | 100 | 1.00 |", page, StringComparison.Ordinal);
        Assert.Contains("(chart.svg)", page, StringComparison.Ordinal);
        var chart = System.Xml.Linq.XDocument.Parse(ReportPage.ToSvg(report));
        Assert.Equal(2, chart.Descendants().Count(static e => e.Name.LocalName == "rect" && e.Attribute("x") is not null));
    }

    [Fact]
    public void ThePageAndItsChartAreWrittenTogether()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            ReportPage.Write(Path.Combine(folder, "deep", "page.md"), Report());
            Assert.Equal(["page.md", "page.svg"], Directory.GetFiles(Path.Combine(folder, "deep")).Select(Path.GetFileName).Order());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
