using System.Text.Json;
using MoE.Samples.Commands;
using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Commands;

public sealed class SampleProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Json => Path.Combine(_folder.Path, "result.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_that_holds_returns_0()
    {
        var outcome = Shell.Run([FakeSample.Good()], "run", "good", "--json", Json, "--seed", "4");
        Assert.Equal((ExitCode.Ran, ""), (outcome.ExitCode, outcome.Error));
        Assert.Contains("seed 4001 done", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("2 of 2 hold", outcome.Output, StringComparison.Ordinal);
        var result = Read();
        ResultSchema.Check(result);
        Assert.Equal([4001, 4002, 4003], result.GetProperty("seeds").EnumerateArray().Select(static s => s.GetInt64()));
        Assert.Equal(["holds", "holds"], Verdicts(result));
    }

    [Fact]
    public void Without_a_verb_the_first_sample_runs()
    {
        Assert.Contains("good", Shell.Run([FakeSample.Good(), FakeSample.Good("other")], "--json", Json).Output + Read().GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal("good", Read().GetProperty("id").GetString());
    }

    [Fact]
    public void An_exact_claim_that_fails_returns_1()
    {
        var sample = new FakeSample("bad", static (_, seed) => seed % 2, static (_, seed) => 2 + seed % 10 * 0.001);
        var outcome = Shell.Run([sample], "run", "bad", "--json", Json);
        Assert.Equal(ExitCode.ExactClaimFailed, outcome.ExitCode);
        Assert.Equal(["fails", "holds"], Verdicts(Read()));
        Assert.Contains("fails: identity", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_learned_claim_that_fails_returns_0()
    {
        var sample = new FakeSample("weak", static (_, _) => 0, static (_, seed) => seed % 10 * 0.001);
        Assert.Equal(ExitCode.Ran, Shell.Run([sample], "run", "weak", "--json", Json).ExitCode);
        Assert.Equal(["holds", "fails"], Verdicts(Read()));
    }

    [Fact]
    public void An_ablation_reaches_the_run_and_the_file()
    {
        Assert.Equal(ExitCode.Ran, Shell.Run([FakeSample.Good()], "run", "good", "--ablate", "mechanism", "--json", Json).ExitCode);
        Assert.Equal("mechanism", Read().GetProperty("ablated").GetString());
        Assert.Equal(["holds", "fails"], Verdicts(Read()));
    }

    [Theory]
    [InlineData("no such sample; there are good", "run", "nope")]
    [InlineData("no such sample; there are good", "run", "GOOD")]
    [InlineData("Required argument", "run")]
    [InlineData("quick", "run", "good", "--scale", "huge")]
    [InlineData("must not be negative", "run", "good", "--seed", "-1")]
    [InlineData("--seed", "run", "good", "--seed", "many")]
    [InlineData("good has mechanism", "run", "good", "--ablate", "other")]
    [InlineData("needs one sample", "run", "all", "--ablate", "mechanism")]
    [InlineData("there is no such folder", "run", "good", "--data", "no/such/folder")]
    [InlineData("--bogus", "--bogus")]
    [InlineData("unheard-of", "unheard-of")]
    [InlineData("no such data set; there are digits", "data", "get", "imagenet")]
    [InlineData("Required argument", "data", "get")]
    public void Usage_errors_return_2_and_say_what_there_is(string expected, params string[] args)
    {
        var outcome = Shell.Run([FakeSample.Good()], args);
        Assert.Equal(ExitCode.Usage, outcome.ExitCode);
        Assert.Contains(expected, outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("seed", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_refused_before_the_run()
    {
        foreach (string option in new[] { "--json", "--out" })
        {
            string blocked = option == "--json" ? _folder.Path : _folder.File("file");
            if (option == "--out") File.WriteAllText(blocked, "");
            var outcome = Shell.Run([FakeSample.Good()], "run", "good", option, blocked);
            Assert.Equal(ExitCode.Usage, outcome.ExitCode);
            Assert.Contains(option, outcome.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("seed", outcome.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Stopping_returns_3_and_keeps_finished_seeds()
    {
        using var stop = new CancellationTokenSource();
        var sample = new FakeSample("long", static (_, _) => 0, (_, seed) =>
        {
            if (seed % 10 == 3) stop.Cancel();
            return 2 + seed % 10 * 0.001;
        }, seeds: 6);
        var outcome = Shell.Run([sample, FakeSample.Good()], stop.Token, "run", "all", "--json", Json);
        Assert.Equal(ExitCode.Cancelled, outcome.ExitCode);
        var results = Read().EnumerateArray().ToList();
        foreach (var result in results) ResultSchema.Check(result);
        Assert.Equal(3, results[0].GetProperty("seeds").GetArrayLength());
        Assert.Equal(["holds", "holds"], Verdicts(results[0]));
        Assert.Equal(["not-run", "not-run"], Verdicts(results[1]));
        Assert.Equal("cancelled before it began", results[1].GetProperty("claims")[0].GetProperty("reason").GetString());
    }

    [Fact]
    public void Stopping_before_the_first_seed_leaves_nothing_measured()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Equal(ExitCode.Cancelled, Shell.Run([FakeSample.Good()], stop.Token, "run", "good", "--json", Json).ExitCode);
        Assert.Equal(["not-run", "not-run"], Verdicts(Read()));
        Assert.Equal("cancelled before it was measured", Read().GetProperty("claims")[0].GetProperty("reason").GetString());
    }

    [Fact]
    public void All_writes_an_array_in_the_order_of_the_list()
    {
        Assert.Equal(ExitCode.Ran, Shell.Run([FakeSample.Good("b"), FakeSample.Good("a")], "run", "all", "--json", Json).ExitCode);
        Assert.Equal(["b", "a"], Read().EnumerateArray().Select(static r => r.GetProperty("id").GetString()));
    }

    [Fact]
    public void Missing_data_are_reported_and_the_rest_runs()
    {
        var absent = new FakeSample("absent", static (_, _) => throw new MissingDataException("unipen: not in the data folder"), static (_, _) => 0);
        var outcome = Shell.Run([absent, FakeSample.Good()], "run", "all", "--json", Json);
        Assert.Equal(ExitCode.Ran, outcome.ExitCode);
        var results = Read().EnumerateArray().ToList();
        Assert.Equal(["not-run", "not-run"], Verdicts(results[0]));
        Assert.Equal("unipen: not in the data folder", results[0].GetProperty("claims")[0].GetProperty("reason").GetString());
        Assert.Equal(["holds", "holds"], Verdicts(results[1]));
    }

    [Fact]
    public void Damaged_data_return_2()
    {
        string digits = _folder.File("digits", "digits.csv.gz");
        File.WriteAllText(digits, "junk");
        var outcome = Shell.Run("run", "quickstart", "--data", _folder.Path, "--json", Json);
        Assert.Equal(ExitCode.Usage, outcome.ExitCode);
        Assert.Contains("did not run", outcome.Output, StringComparison.Ordinal);
        Assert.All(Verdicts(Read()), static v => Assert.Equal("not-run", v));
    }

    [Fact]
    public void A_sample_that_throws_returns_1_and_does_not_stop_the_others()
    {
        var broken = new FakeSample("broken", static (_, _) => throw new FormatException("a mistake"), static (_, _) => 0);
        var outcome = Shell.Run([broken, FakeSample.Good()], "run", "all", "--json", Json);
        Assert.Equal(ExitCode.ExactClaimFailed, outcome.ExitCode);
        Assert.Contains("FormatException", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(["not-run", "not-run"], Verdicts(Read()[0]));
        Assert.Equal(["holds", "holds"], Verdicts(Read()[1]));
    }

    [Fact]
    public void A_claim_that_is_not_declared_is_a_mistake_of_the_sample()
    {
        var sample = new Undeclared();
        Assert.Throws<InvalidOperationException>(() => Shell.Run([sample], "run", "undeclared"));
    }

    [Fact]
    public void The_list_names_every_sample_and_mechanism()
    {
        var outcome = Shell.Run("list");
        foreach (string word in new[] { "quickstart", "balancing, routing", "extend-gate", "extend-expert", "extend-model" }) Assert.Contains(word, outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_list_is_there_as_JSON()
    {
        var list = JsonDocument.Parse(Shell.Run("list", "--json").Output).RootElement;
        Assert.Equal(1, list.GetProperty("schema").GetInt32());
        foreach (var sample in list.GetProperty("samples").EnumerateArray())
        {
            var claims = sample.GetProperty("claims").EnumerateArray().Select(static c => c.GetProperty("id").GetString()).ToList();
            Assert.Equal(claims.Count, claims.Distinct().Count());
            foreach (var ablation in sample.GetProperty("ablations").EnumerateArray())
            {
                Assert.NotEqual("", ablation.GetProperty("name").GetString());
                Assert.All(ablation.GetProperty("claims").EnumerateArray(), c => Assert.Contains(c.GetString(), claims));
            }
        }

        var quickstart = list.GetProperty("samples")[0];
        Assert.Equal("quickstart", quickstart.GetProperty("id").GetString());
        Assert.Equal(["balancing", "routing"], quickstart.GetProperty("ablations").EnumerateArray().Select(static a => a.GetProperty("name").GetString()));
    }

    [Fact]
    public void Data_are_listed_and_put_in_place()
    {
        Assert.Contains("Kybernetika", Shell.Run("data", "list").Output, StringComparison.Ordinal);
        var outcome = Shell.Run("data", "get", "digits", "--data", _folder.Path);
        Assert.Equal((ExitCode.Ran, ""), (outcome.ExitCode, outcome.Error));
        string file = Path.Combine(_folder.Path, "digits", "digits.csv.gz");
        Assert.Contains(file, outcome.Output, StringComparison.Ordinal);
        Assert.Equal(57512, new FileInfo(file).Length);
    }

    [Fact]
    public void Help_and_version_return_0()
    {
        var help = Shell.Run("--help");
        Assert.Equal(ExitCode.Ran, help.ExitCode);
        foreach (string word in new[] { "run", "list", "data", "--ablate", "--scale" }) Assert.Contains(word, help.Output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ran, Shell.Run("--version").ExitCode);
    }

    private JsonElement Read() => JsonDocument.Parse(File.ReadAllText(Json)).RootElement;

    private static IEnumerable<string?> Verdicts(JsonElement result) => result.GetProperty("claims").EnumerateArray().Select(static c => c.GetProperty("verdict").GetString());

    private sealed class Undeclared : Reproduction
    {
        public override string Id => "undeclared";

        public override string Title => "";

        public override string Data => "";

        public override IReadOnlyList<Claim> Claims => [];

        public override void Run(RunContext context, Findings findings) => findings.Record("surprise", [1]);
    }
}
