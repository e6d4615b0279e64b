using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using MoE.Samples.Frame;
using MoE.Samples.Language;
using MoE.Samples.Papers.SteloCoder;
using MoE.Samples.Papers.XLora;

namespace MoE.Samples.Tests.Lora;

/// <summary>Both samples at tiny scale, on made texts whose domains are told by their letters.</summary>
public sealed class LoraSampleTests : IDisposable
{
    private static readonly TransformerSize Size = new(24, 1, 2, 32);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Xlora_runs_holds_what_is_exact_and_goes_on_from_its_cache()
    {
        var sample = new XLoraSample(new XLoraRecipe(new BaseRecipe(Size, 0, 80, 8, 0.01), Seeds: 1, AdapterSteps: 60, GateSteps: 80, Batch: 8, Windows: 8) { AdapterRate = 0.03, GateRate = 0.01 }, Corpus(3));
        var first = Run(sample, "xlora");
        ResultSchema.Check(first);
        foreach (string exact in new[] { "frozen", "identical-adapters" }) Assert.Equal("holds", Claim(first, exact).GetProperty("verdict").GetString());
        Assert.Equal("no", first.GetProperty("numbers").GetProperty("base_from_cache").GetString());
        // Texts of letters of their own: adapters must differ, and the gate must find them.
        foreach (string claim in new[] { "adapters-differ", "beats-uniform", "random-loses" }) Assert.True(Measured(first, claim) > 0.05, $"{claim}: {Measured(first, claim)}; {first.GetProperty("numbers").GetRawText()}");
        var page = Report("xlora");
        Assert.True(page.Descendants().Count(static e => e.Name.LocalName == "svg") >= 5);

        var again = Run(sample, "xlora");
        Assert.Equal("yes", again.GetProperty("numbers").GetProperty("base_from_cache").GetString());
        foreach (string claim in new[] { "beats-uniform", "near-oracle", "switches", "beats-shared" }) Assert.Equal(Measured(first, claim), Measured(again, claim), 1e-9);

        var ablated = Run(sample, "xlora", "--ablate", "gate");
        Assert.True(Measured(ablated, "beats-uniform") < Measured(first, "beats-uniform") - 0.02);
        // The uniform merge does not look at the gate; its mean over a window is another gate.
        var bySequence = Run(sample, "xlora", "--ablate", "token-level");
        Assert.NotEqual(Measured(first, "beats-sequence"), Measured(bySequence, "beats-sequence"));
        Assert.Equal(Measured(first, "adapters-differ"), Measured(bySequence, "adapters-differ"), 1e-9);
    }

    [Fact]
    public void Stelocoder_runs_and_holds_what_is_exact()
    {
        var sample = new SteloCoderSample(new SteloRecipe(new BaseRecipe(Size, 10, 80, 8, 0.01), Seeds: 1, ExpertSteps: 60, GateSteps: 150, Batch: 6, Files: 8) { ExpertRate = 0.02, GateRate = 0.1 }, Corpus(3));
        var result = Run(sample, "stelocoder");
        ResultSchema.Check(result);
        foreach (string exact in new[] { "decision-kept", "expert-parameters", "starcoder-parameters" }) Assert.Equal("holds", Claim(result, exact).GetProperty("verdict").GetString());
        Assert.True(Measured(result, "picks-language") > 90, $"{Measured(result, "picks-language")}; {result.GetProperty("numbers").GetRawText()}");
        Assert.True(Measured(result, "near-oracle") < 0.05);
        Assert.NotEmpty(Report("stelocoder").Descendants());
        var ablated = Run(sample, "stelocoder", "--ablate", "gate");
        Assert.Equal(Measured(ablated, "picks-language"), Measured(result, "untrained-gate"), 1e-9);
        Assert.NotEqual("holds", Claim(ablated, "picks-language").GetProperty("verdict").GetString());
    }

    // Words of letters of their own, drawn by a fixed seed; documents longer than a window.
    private static TextCorpus Corpus(int domains)
    {
        var random = new Random(5);
        string[] alphabets = ["abcde", "klmno", "12345", "vwxyz"];
        string Document(string letters) => string.Join(' ', Enumerable.Range(0, 14).Select(_ => string.Concat(Enumerable.Range(0, 3).Select(_ => letters[random.Next(letters.Length)])))) + "\n";
        TextDomain[] all = [.. Enumerable.Range(0, domains).Select(d => new TextDomain($"d{d}", [.. Enumerable.Range(0, 30).Select(_ => Document(alphabets[d]))], [.. Enumerable.Range(0, 10).Select(_ => Document(alphabets[d]))]))];
        return new([.. Enumerable.Range(0, 15).Select(_ => Document(alphabets[3])), .. all.SelectMany(static d => d.Train.Take(8))], all, "made words");
    }

    private JsonElement Run(Reproduction sample, string id, params string[] args)
    {
        string json = Path.Combine(_folder.Path, "result.json");
        var outcome = Shell.Run([sample], ["run", id, "--json", json, "--out", _folder.Path, .. args]);
        Assert.True(outcome.ExitCode == 0 && outcome.Error.Length == 0, $"exit code {outcome.ExitCode}: {outcome.Error}{outcome.Output}");
        return JsonDocument.Parse(File.ReadAllText(json)).RootElement;
    }

    private XDocument Report(string id)
    {
        string html = File.ReadAllText(Path.Combine(_folder.Path, id, "report.html"));
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
        using var reader = XmlReader.Create(new StringReader(html), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null });
        return XDocument.Load(reader);
    }

    private static JsonElement Claim(JsonElement result, string id) =>
        result.GetProperty("claims").EnumerateArray().Concat(result.GetProperty("controls").EnumerateArray()).Single(c => c.GetProperty("id").GetString() == id);

    private static double Measured(JsonElement result, string claim) => Claim(result, claim).GetProperty("measured").GetDouble();
}
