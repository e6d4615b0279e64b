using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>Typed linear as hard routing: layouts, compaction and reordering of RGCN, RGAT and HGT on knowledge graphs.</summary>
public sealed class PigeonSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly TypedTriples? _graph;

    /// <summary>The sample as it ships.</summary>
    public PigeonSample()
    {
    }

    /// <summary>The sample with another amount of work on another graph.</summary>
    public PigeonSample(Recipe recipe, TypedTriples graph) => (_recipe, _graph) = (recipe, graph);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Width">D of what is timed.</param>
    /// <param name="Rounds">Turns per timing of a product.</param>
    /// <param name="LayerRounds">Turns per timing of a layer.</param>
    /// <param name="CopiedEdges">Edges on which weights are copied per edge.</param>
    /// <param name="MadeEdges">Edges of made graphs.</param>
    /// <param name="SmallEdges">Edges on which all layouts are compared.</param>
    /// <param name="SmallWidth">D of that.</param>
    public sealed record Recipe(int Seeds, int Width, int Rounds, int LayerRounds, int CopiedEdges, int MadeEdges, int SmallEdges, int SmallWidth)
    {
        /// <summary>Bytes of weights copied per edge above which they are refused.</summary>
        public long MostCopied { get; init; } = 1L << 30;
    }

    /// <inheritdoc/>
    public override string Id => "pigeon";

    /// <inheritdoc/>
    public override string Title => "Typed edges as hard routing";

    /// <inheritdoc/>
    public override string Paper => "K. Wu et al. (2023): PIGEON, later Hector: An Efficient Programming and Compilation Framework for Relational Graph Neural Networks. ASPLOS 2024, arXiv 2301.06284.";

    /// <inheritdoc/>
    public override string Data => "FB15k-237 (272,115 edges of 237 types) and WN18RR (86,835 edges of 11 types), training parts; random features of width 64, as in the paper";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("same-results", "Largest difference of an output or gradient of RGCN, RGAT and HGT between layouts, plain and reordered, as a fraction of its size", "fraction", Bound.AtMost(1e-4), Exact: true),
        new("copied-refused", "FB15k-237 with weights copied per edge is refused", "of 1", Bound.AtLeast(1), Exact: true),
        new("compact-memory", "FB15k-237: memory of unique pairs over that of segments", "fraction", Bound.AtMost(0.35), Exact: true),
        new("segments-beat-copies", "Time of the product with weights copied per edge over that of segments", "times", Bound.AtLeast(5)),
        new("segments-beat-masks", "Time of the product with a mask per type over that of segments, FB15k-237", "times", Bound.AtLeast(1.5)),
        new("compact-fb-source", "Speed-up of unique pairs over segments times their share, FB15k-237 by source", "of the share saved", Bound.In(0.7, 1.3)),
        new("compact-fb-target", "The same by target", "of the share saved", Bound.In(0.7, 1.3)),
        new("compact-wn-target", "The same on WN18RR by target", "of the share saved", Bound.In(0.7, 1.3)),
        new("reordering", "Time of RGAT's attention over that with products of weights first, FB15k-237", "times", Bound.AtLeast(2)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("nothing-to-save", "Speed-up of unique pairs where every pair is unique", "times", Bound.In(0.8, 1.2)),
        new("one-type", "Time of segments with one type over that of a dense product", "times", Bound.AtMost(1.1)),
        new("zipf", "Time of segments whose sizes follow Zipf's law over that of equal ones, at equal operations", "times", Bound.AtMost(1.3)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("segments", "a mask per type instead of sorted segments", ["segments-beat-masks"]),
        new("compact", "every edge is multiplied, also where another one of its type reads the same node", ["compact-fb-source", "compact-fb-target", "compact-wn-target"]),
        new("reordering", "products of weights are not made first", ["reordering"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(
            new Recipe(Seeds: 5, Width: 64, Rounds: 7, LayerRounds: 1, CopiedEdges: 16_384, MadeEdges: 200_000, SmallEdges: 2000, SmallWidth: 16),
            new Recipe(Seeds: 10, Width: 64, Rounds: 15, LayerRounds: 3, CopiedEdges: 32_768, MadeEdges: 200_000, SmallEdges: 4000, SmallWidth: 32));
        var freebase = _graph ?? TypedTriples.LoadFreebase(context.Data);
        var wordNet = _graph ?? TypedTriples.LoadWordNet(context.Data);
        var options = (Segments: !context.Without("segments"), Compact: !context.Without("compact"), Reorder: !context.Without("reordering"));
        // One thread for every contender: ratios are of work, not of how a busy machine shares its cores.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(freebase, wordNet, recipe, seed, options, progress);
            context.Progress.Say($"seed {seed}: {string.Join(", ", run.Ratios.Select(static r => $"{r.Key} {r.Value:0.00}"))}");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        Record("same-results", static r => r.Difference);
        Record("copied-refused", static r => r.Refused ? 1 : 0);
        Record("compact-memory", static r => r.Bytes[2] / (double)r.Bytes[1]);
        foreach (var (id, ratio) in new[]
        {
            ("segments-beat-copies", "materialised"), ("segments-beat-masks", "masked"), ("compact-fb-source", "compact, FB15k-237 by source"), ("compact-fb-target", "compact, FB15k-237 by target"),
            ("compact-wn-target", "compact, WN18RR by target"), ("reordering", "reordered"), ("nothing-to-save", "nothing to save"), ("one-type", "one type"), ("zipf", "zipf"),
        })
        {
            Record(id, r => r.Ratios[ratio]);
        }

        findings.Numbers["ratios_of_times"] = runs[0].Ratios.Keys.ToDictionary(static k => k, k => (object)runs.Select(r => r.Ratios[k]).ToArray());
        findings.Numbers["layer_milliseconds"] = runs[0].Milliseconds.Keys.ToDictionary(static k => k, k => (object)runs.Select(r => r.Milliseconds[k]).ToArray());
        findings.Numbers["bytes"] = new Dictionary<string, object> { ["weights copied per edge"] = runs[0].Bytes[0], ["segments"] = runs[0].Bytes[1], ["unique pairs"] = runs[0].Bytes[2] };
        findings.Page = result => PaperPage.Of(result, $"{Paper} {Data}.",
        [
            ("Compaction and its control", [IntervalChart.Draw(
                [.. runs[0].Ratios.Keys.Where(static k => k.StartsWith("compact", StringComparison.Ordinal) || k == "nothing to save").Select(k => (k, (IReadOnlyList<double>)[.. runs.Select(r => r.Ratios[k])]))],
                "speed-up of unique pairs over segments, of the share saved", "Speed-up by compaction, of what it saves")]),
            ("Ratios of times", [Diagnostics.HtmlPage.Table(["ratio", "times, mean of seeds"], runs[0].Ratios.Keys.Select(k => (IReadOnlyList<string>)[k, $"{runs.Average(r => r.Ratios[k]):0.00}"]))]),
            ("Layers, forward and backward, one thread", [Diagnostics.HtmlPage.Table(
                ["layer, layout", "milliseconds, mean of seeds"],
                runs[0].Milliseconds.Keys.Select(k => (IReadOnlyList<string>)[k, $"{runs.Average(r => r.Milliseconds[k]):0}"]))]),
        ]);
    }
}
