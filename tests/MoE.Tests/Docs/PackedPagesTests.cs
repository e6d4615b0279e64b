using System.Text.RegularExpressions;
using MoE.Diagnostics;
using MoE.Tests.Reference;

namespace MoE.Tests.Docs;

/// <summary>The examples of the pages on packed weights, upcycling and pruning are the code below, and it runs.</summary>
public sealed partial class PackedPagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moe-page-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_layer_is_packed_and_mapped()
    {
        string path = Path.Combine(_folder, "layer3.moe");
        var spec = LayerProfiles.Mixtral(16, 32);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] tokens = Draw.Normal(5 * 16, 1), output = new float[tokens.Length];
        // packed-weights
        var precision = new ExpertPrecision(WeightFormat.Int8PerBlock, ActivationFormat.Int8);
        MoEFeedForward.Pack(path, spec, weights, precision);          // one expert at a time
        using var engine = ManagedMoEEngine.Open(path, threads: 2);   // maps; reads what tokens need
        engine.Forward(tokens, output);
        // end
        Assert.DoesNotContain(0f, output);
    }

    [Fact]
    public void A_block_is_upcycled_and_experts_go()
    {
        string path = Path.Combine(_folder, "run.moelog");
        var dense = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.OfDense(new ExpertSpec { Width = 64 }, 16)) dense.Add(name, Draw.Normal(shape.Aggregate(1, static (a, b) => a * b), 3), shape);
        // upcycling
        var layer = Upcycling.Convert(new UpcyclingSpec
        {
            Width = 16,
            Block = new ExpertSpec { Width = 64 },
            Router = RouterProfiles.Mixtral(experts: 32, k: 8),
            Granularity = 4,                                            // eight copies of each of four shards
        }, dense);
        // end
        var (spec, weights) = layer;
        using (var engine = new ManagedMoEEngine(spec, weights))
        using (var log = RoutingLogWriter.Create(path))
        {
            log.Append("layers.3", 0, engine.Route(Draw.Normal(2 * 16, 1)));
            log.Complete();
        }

        // upcycling
        var usage = ExpertUsage.Of(RoutingLog.Read(path), "layers.3");
        var pruned = ExpertPruning.Keep(spec, weights, usage.Used());   // or
        // end
        Assert.InRange(pruned.Spec.Router.Experts, 8, 16);
    }

    [Theory, InlineData("packed-weights"), InlineData("upcycling")]
    public void The_page_shows_that_example(string page)
    {
        var examples = Between().Matches(Repository.Read("tests", "MoE.Tests", "Docs", "PackedPagesTests.cs")).Where(m => m.Groups[1].Value == page).ToList();
        Assert.NotEmpty(examples);
        string text = Repository.Read("docs", page + ".md");
        Assert.All(examples, e => Assert.Contains(Indent().Replace(e.Groups[2].Value, "").TrimEnd(), text, StringComparison.Ordinal));
    }

    [GeneratedRegex("        // ([a-z-]+)\n(.*?)        // end\n", RegexOptions.Singleline)]
    private static partial Regex Between();

    [GeneratedRegex("^ {8}", RegexOptions.Multiline)]
    private static partial Regex Indent();
}
