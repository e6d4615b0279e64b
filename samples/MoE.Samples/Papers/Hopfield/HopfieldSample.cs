using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>Associative gates: exact properties of retrieval, the three regimes of beta, and pooling of bags against mean and max.</summary>
public sealed class HopfieldSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly FashionMnist? _train;
    private readonly FashionMnist? _test;

    /// <summary>The sample as it ships.</summary>
    public HopfieldSample()
    {
    }

    /// <summary>The sample with another amount of work and other images.</summary>
    public HopfieldSample(Recipe recipe, FashionMnist train, FashionMnist test) => (_recipe, _train, _test) = (recipe, train, test);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Stored">Patterns stored.</param>
    /// <param name="TrainBags">Bags to learn from.</param>
    /// <param name="TestBags">Bags held out.</param>
    /// <param name="Epochs">Passes over them.</param>
    public sealed record Recipe(int Seeds, int Stored, int TrainBags, int TestBags, int Epochs);

    /// <inheritdoc/>
    public override string Id => "hopfield";

    /// <inheritdoc/>
    public override string Title => "Hopfield retrieval and pooling as gates";

    /// <inheritdoc/>
    public override string Paper => "H. Ramsauer et al. (2021): Hopfield Networks is All You Need. ICLR, arXiv 2008.02217.";

    /// <inheritdoc/>
    public override string Data => "Fashion-MNIST, 60,000 + 10,000 images of 28x28 pixels; patterns and bags redrawn per seed";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("mean-at-zero", "Largest difference of an update near beta = 0 from the mean of all patterns", "pattern units", Bound.AtMost(1e-6), Exact: true),
        new("nearest-at-infinity", "Largest difference of an update at a huge beta from the pattern with the largest product", "pattern units", Bound.AtMost(1e-6), Exact: true),
        new("attention", "Largest difference of an update at beta = 1 / sqrt(d) from scaled dot-product attention", "pattern units", Bound.AtMost(1e-9), Exact: true),
        new("energy", "Largest rise of the energy in any update at any beta, as a fraction of its size", "of the energy", Bound.AtMost(1e-9), Exact: true),
        new("retrieval", "Half images whose pattern comes back after one update at beta = 8", "%", Bound.AtLeast(99)),
        new("regime-global", "Patterns that a settled state mixes at the smallest beta, of those stored", "fraction", Bound.AtLeast(0.99)),
        new("regime-metastable", "Settled states that mix from two to half of the patterns, at the beta with most of them", "fraction", Bound.AtLeast(0.5)),
        new("metastable-similar", "Weight of settled states on patterns of their own class at that beta, over the share of the class", "times", Bound.AtLeast(2)),
        new("regime-single", "Patterns that a settled state mixes at the largest beta", "patterns", Bound.AtMost(1.05)),
        new("pooling-beats-mean", "Accuracy on held-out bags of Hopfield pooling minus mean pooling, of pixels as released", "percentage points", Bound.AtLeast(3)),
        new("encoded-pooling-beats-mean", "The same behind a ReLU layer for each image", "percentage points", Bound.AtLeast(3)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("no-retrieval-at-zero", "Half images whose pattern comes back after one update near beta = 0", "%", Bound.AtMost(1)),
        new("pooling-beats-max", "Accuracy on held-out bags of Hopfield pooling minus max pooling of pixels, which needs no learned state", "percentage points", Bound.AtLeast(-3)),
        new("flat-is-mean", "Accuracy of the Hopfield layer at beta = 0 minus mean pooling", "percentage points", Bound.In(-3, 3)),
        new("shuffled-labels", "Accuracy of Hopfield pooling trained on shuffled labels", "%", Bound.In(40, 60)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("association", "beta is 0: every pattern weighs the same", ["retrieval", "regime-metastable", "metastable-similar", "regime-single", "pooling-beats-mean", "encoded-pooling-beats-mean"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 4, Stored: 100, TrainBags: 200, TestBags: 300, Epochs: 20), new Recipe(Seeds: 15, Stored: 100, TrainBags: 200, TestBags: 1000, Epochs: 20));
        var train = _train ?? FashionMnist.Load(context.Data, train: true);
        var test = _test ?? FashionMnist.Load(context.Data, train: false);
        bool associates = !context.Without("association");
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(train, test, recipe, seed, associates, progress);
            context.Progress.Say($"seed {seed}: {run.Retrieval.Retrieved:0} % retrieved; bags: Hopfield {run.Pixels.Hopfield:0.0} %, mean {run.Pixels.Mean:0.0} %, max {run.Pixels.Max:0.0} %");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        static int Most(SeedRun run) => Array.IndexOf(run.Retrieval.Metastable, run.Retrieval.Metastable.Max());
        Record("mean-at-zero", static r => r.Retrieval.FromMean);
        Record("nearest-at-infinity", static r => r.Retrieval.FromNearest);
        Record("attention", static r => r.Retrieval.FromAttention);
        Record("energy", static r => r.Retrieval.EnergyRise);
        Record("retrieval", static r => r.Retrieval.Retrieved);
        Record("regime-global", static r => r.Retrieval.Effective[0] / r.Retrieval.Stored);
        Record("regime-metastable", static r => r.Retrieval.Metastable.Max());
        Record("metastable-similar", static r => r.Retrieval.OwnClass[Most(r)] / r.Retrieval.OwnClassShare);
        Record("regime-single", static r => r.Retrieval.Effective[^1]);
        Record("pooling-beats-mean", static r => r.Pixels.Hopfield - r.Pixels.Mean);
        Record("encoded-pooling-beats-mean", static r => r.Encoded.Hopfield - r.Encoded.Mean);
        Record("no-retrieval-at-zero", static r => r.Retrieval.RetrievedFlat);
        Record("pooling-beats-max", static r => r.Pixels.Hopfield - r.Pixels.Max);
        Record("flat-is-mean", static r => r.Flat - r.Pixels.Mean);
        Record("shuffled-labels", static r => r.Shuffled);

        double[] Mean(Func<SeedRun, double[]> values) => [.. Enumerable.Range(0, Retrieval.Betas.Count).Select(b => runs.Average(r => values(r)[b]))];
        double[] effective = Mean(static r => r.Retrieval.Effective), metastable = Mean(static r => r.Retrieval.Metastable), own = Mean(static r => r.Retrieval.OwnClass);
        findings.Numbers["betas"] = Retrieval.Betas;
        findings.Numbers["patterns_mixed"] = effective;
        findings.Numbers["metastable_share"] = metastable;
        findings.Numbers["own_class_weight"] = own;
        (string Name, IReadOnlyList<double> Values)[] rows =
        [
            ("Hopfield", [.. runs.Select(static r => r.Pixels.Hopfield)]),
            ("max", [.. runs.Select(static r => r.Pixels.Max)]),
            ("mean", [.. runs.Select(static r => r.Pixels.Mean)]),
            ("Hopfield at beta = 0", [.. runs.Select(static r => r.Flat)]),
            ("encoder, Hopfield", [.. runs.Select(static r => r.Encoded.Hopfield)]),
            ("encoder, max", [.. runs.Select(static r => r.Encoded.Max)]),
            ("encoder, mean", [.. runs.Select(static r => r.Encoded.Mean)]),
        ];
        findings.Numbers["accuracy_percent"] = rows.ToDictionary(static r => r.Name, static r => (object)r.Values.ToArray());
        findings.Page = result => PaperPage.Of(result, $"{Paper} {Data}.",
        [
            ("Pooling of bags", [IntervalChart.Draw(rows, "accuracy on held-out bags, %", "Accuracy of poolings")]),
            ("Three regimes of beta", [Diagnostics.HtmlPage.Table(
                ["beta", "patterns mixed", "metastable states", "weight on own class"],
                Retrieval.Betas.Select((beta, b) => (IReadOnlyList<string>)[$"{beta:0.#####}", $"{effective[b]:0.0}", $"{100 * metastable[b]:0} %", $"{own[b]:0.00}"]))]),
        ]);
    }
}
