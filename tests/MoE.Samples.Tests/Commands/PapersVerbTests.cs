using MoE.Samples.Commands;
using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Commands;

public sealed class PapersVerbTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Json => Path.Combine(_folder.Path, "result.json");

    private string Page => Path.Combine(_folder.Path, "papers.md");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_paper_gets_a_row_with_claim_numbers_verdict_and_link()
    {
        Reproduction[] samples = [new FakePaper()];
        Assert.Equal(ExitCode.Ran, Shell.Run(samples, "run", "fake", "--json", Json, "--out", _folder.Path).ExitCode);
        Assert.Equal((ExitCode.Ran, ""), Without(Shell.Run(samples, "papers", Json, "--out", Page)));
        string page = File.ReadAllText(Page);
        string row = Assert.Single(page.Split('\n'), static l => l.StartsWith("| [fake]", StringComparison.Ordinal));
        foreach (string word in new[] { "(../samples/MoE.Samples/Tests/Commands/README.md)", "Gain \\| of it", "2 [-0.4841, 4.4841] points", "3.2 points", "inconclusive", "0 of 1 hold; inconclusive: gain", "quick" }) Assert.Contains(word, row, StringComparison.Ordinal);
        Assert.Contains("control: Nothing", page, StringComparison.Ordinal);
        Assert.Contains("not run: not measured", page, StringComparison.Ordinal);
        Assert.Contains(Machine.Name, page, StringComparison.Ordinal);
    }

    [Fact]
    public void Ablated_and_damaged_results_are_refused_together()
    {
        Reproduction[] samples = [FakeSample.Good()];
        Shell.Run(samples, "run", "good", "--json", Json, "--ablate", "mechanism");
        string damaged = _folder.File("damaged.json");
        File.WriteAllText(damaged, "[{\"schema\": 1}]");
        var outcome = Shell.Run(samples, "papers", Json, damaged, "--out", Page);
        Assert.Equal(ExitCode.Usage, outcome.ExitCode);
        Assert.Contains("without mechanism", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("damaged.json: is no result file", outcome.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Page));
    }

    [Fact]
    public void All_writes_one_page_and_a_table()
    {
        string csv = Path.Combine(_folder.Path, "all.csv");
        var outcome = Shell.Run([new FakePaper(), FakeSample.Good()], "run", "all", "--csv", csv, "--out", _folder.Path);
        Assert.Equal(ExitCode.Ran, outcome.ExitCode);
        string page = File.ReadAllText(Path.Combine(_folder.Path, "report.html"));
        foreach (string word in new[] { "href=\"fake/report.html\"", "Gain | of it", "An identity [of sorts]" }) Assert.Contains(word, page, StringComparison.Ordinal);
        Assert.DoesNotContain("href=\"good/report.html\"", page, StringComparison.Ordinal);
        Assert.Contains("(2 of 2)", outcome.Output, StringComparison.Ordinal);
        string[] rows = File.ReadAllText(csv).Split('\n');
        Assert.Equal("fake,quick,,3,claim,gain,Gain | of it,points,2,-0.4841377118,4.484137712,1,Infinity,false,inconclusive,the interval crosses the bound", Rounded(rows[1]));
        Assert.Equal(6, rows.Length);
    }

    // Keeps 10 digits of the interval: the last ones are rounding.
    private static string Rounded(string row) => string.Join(',', row.Split(',').Select(static f => f.Length > 15 && double.TryParse(f, out double v) ? v.ToString("G10") : f));

    private static (int, string) Without(Shell.Outcome outcome) => (outcome.ExitCode, outcome.Error);

    private sealed class FakePaper : Reproduction
    {
        public override string Id => "fake";

        public override string Title => "Fake";

        public override string Paper => "A fake (2020)";

        public override string Data => "none";

        public override IReadOnlyList<Claim> Claims { get; } = [new("gain", "Gain | of it", "points", Bound.AtLeast(1), Published: "3.2 points")];

        public override IReadOnlyList<Claim> Controls { get; } = [new("nothing", "Nothing", "points", Bound.AtMost(1))];

        public override void Run(RunContext context, Findings findings) => findings.Record("gain", context.OverSeeds(3, static (seed, _) => (double)(seed % 10)));
    }
}
