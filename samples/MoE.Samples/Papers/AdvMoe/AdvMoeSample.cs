using MoE.Diagnostics;
using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>Adversarial training of a router and its pathways in turns.</summary>
public sealed class AdvMoeSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly FashionMnist? _train;
    private readonly FashionMnist? _test;

    /// <summary>The sample as it ships.</summary>
    public AdvMoeSample()
    {
    }

    /// <summary>The sample with another amount of work and other images.</summary>
    public AdvMoeSample(Recipe recipe, FashionMnist train, FashionMnist test) => (_recipe, _train, _test) = (recipe, train, test);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="TrainImages">Images to learn from.</param>
    /// <param name="TestImages">Images held out and attacked.</param>
    /// <param name="Epochs">Passes of every contender.</param>
    public sealed record Recipe(int Seeds, int TrainImages, int TestImages, int Epochs);

    /// <inheritdoc/>
    public override string Id => "advmoe";

    /// <inheritdoc/>
    public override string Title => "Robust mixtures of pathways: router and experts trained in turns (AdvMoE)";

    /// <inheritdoc/>
    public override string Paper => "Y. Zhang et al. (2023): Robust Mixture-of-Expert Training for Convolutional Neural Networks. ICCV, arXiv 2308.10110";

    /// <inheritdoc/>
    public override string Data => "Fashion-MNIST at half its size, 14x14 pixels; training and test images redrawn per seed";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("turns-beat-joint", "Robust accuracy of AdvMoE minus that of the same net trained jointly", "percentage points", Bound.AtLeast(1), Published: "51.8 against 45.6 % (CIFAR-10, ResNet-18; from memory)"),
        new("joint-wastes-pathways", "Robust accuracy of the jointly trained mixture minus that of the dense net of one pathway's size", "percentage points", Bound.AtMost(0), Published: "45.6 against 48.1 % (from memory)"),
        new("near-dense", "Robust accuracy of AdvMoE minus that of the dense net of full width", "percentage points", Bound.AtLeast(-0.5), Published: "1 to 4 points above"),
        new("fewer-flips", "Images whose pathway the attack changes, joint training minus AdvMoE", "percentage points", Bound.AtLeast(1)),
        new("multiply-adds", "Multiply-adds of pathway and router over those of the dense net", "%", Bound.AtMost(50), Exact: true, Published: "more than half saved"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("both-pathways", "Images of AdvMoE that take the pathway taken most: with more it is a small dense net", "%", Bound.AtMost(95)),
        new("frozen-router", "Robust accuracy of AdvMoE minus that under a random balanced router: without a gain the turns are not the cause", "percentage points", Bound.AtLeast(1)),
        new("oracle-router", "Robust accuracy under the label's router, which no router can reach, minus that of AdvMoE", "percentage points", Bound.AtLeast(0)),
        new("no-hidden-gradients", "Robust accuracy of AdvMoE in a ball of four times the radius", "%", Bound.AtMost(5)),
        new("attack-works", "Clean minus robust accuracy of the dense net", "percentage points", Bound.AtLeast(5)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("turns", "router and pathways learn together", ["turns-beat-joint", "fewer-flips"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 3, TrainImages: 2048, TestImages: 250, Epochs: 3), new Recipe(Seeds: 5, TrainImages: 10240, TestImages: 1000, Epochs: 10));
        var train = _train ?? FashionMnist.Load(context.Data, train: true);
        var test = _test ?? FashionMnist.Load(context.Data, train: false);
        // Maps this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Run(train, test, recipe, seed, !context.Without("turns"), progress);
            context.Progress.Say($"seed {seed}: robust accuracy {string.Join(", ", run.Of.Select(static p => $"{p.Key} {p.Value.Robust:0.0}"))}");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<IReadOnlyDictionary<Contender, RobustScore>, double> value) => findings.Record(id, runs.Select(r => value(r.Of)));
        Record("turns-beat-joint", static s => s[Contender.Alternating].Robust - s[Contender.Joint].Robust);
        Record("joint-wastes-pathways", static s => s[Contender.Joint].Robust - s[Contender.SmallDense].Robust);
        Record("near-dense", static s => s[Contender.Alternating].Robust - s[Contender.Dense].Robust);
        Record("fewer-flips", static s => s[Contender.Joint].Flips - s[Contender.Alternating].Flips);
        using (PathwayNet half = new(2, true), whole = new(1, false))
        {
            double share = 100.0 * (half.MultiplyAdds + RouterNet.MultiplyAdds(2)) / whole.MultiplyAdds;
            Record("multiply-adds", _ => share);
        }

        Record("both-pathways", static s => s[Contender.Alternating].Busiest);
        Record("frozen-router", static s => s[Contender.Alternating].Robust - s[Contender.FrozenRouter].Robust);
        Record("oracle-router", static s => s[Contender.OracleRouter].Robust - s[Contender.Alternating].Robust);
        Record("no-hidden-gradients", static s => s[Contender.Alternating].RobustFar);
        Record("attack-works", static s => s[Contender.Dense].Clean - s[Contender.Dense].Robust);

        (Contender Contender, string Name)[] rows =
        [
            (Contender.Alternating, "AdvMoE"), (Contender.AlternatingPublished, "AdvMoE, published loss"), (Contender.Joint, "joint training"), (Contender.FrozenRouter, "random router"),
            (Contender.OracleRouter, "router by label"), (Contender.SmallDense, "dense, half width"), (Contender.Dense, "dense"),
        ];
        (string, IReadOnlyList<double>)[] Chart(Func<RobustScore, double> value) => [.. rows.Select(row => (row.Name, (IReadOnlyList<double>)[.. runs.Select(r => value(r.Of[row.Contender]))]))];
        foreach (var (contender, name) in rows)
        {
            double[] Values(Func<RobustScore, double> value) => [.. runs.Select(r => value(r.Of[contender]))];
            findings.Numbers[name] = new Dictionary<string, double[]>
            {
                ["clean_percent"] = Values(static s => s.Clean), ["robust_percent"] = Values(static s => s.Robust), ["robust_far_percent"] = Values(static s => s.RobustFar),
                ["flips_percent"] = Values(static s => s.Flips), ["busiest_percent"] = Values(static s => s.Busiest),
            };
        }

        findings.Page = result => PaperPage.Of(result, $"{Paper}. {Data}.",
        [
            ("Accuracy", [HtmlPage.Beside(
                IntervalChart.Draw(Chart(static s => s.Robust), "right under all attacks, %", "Robust accuracy"),
                IntervalChart.Draw(Chart(static s => s.Clean), "right without attack, %", "Clean accuracy"))]),
            ("Pathways", [HtmlPage.Table(["contender", "images on the busiest pathway, %", "changed by the attack, %", "robust at four times the radius, %"],
                rows.Select(row => (IReadOnlyList<string>)[row.Name, .. new Func<RobustScore, double>[] { static s => s.Busiest, static s => s.Flips, static s => s.RobustFar }.Select(f => $"{runs.Average(r => f(r.Of[row.Contender])):0.0}")]))]),
        ]);
    }
}
