using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Ratings;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.AwMoe;

/// <summary>A gate that sums over a user's behaviours, and a contrastive loss on what it says: ranking for users with much and with little history.</summary>
public sealed class AwMoeSample : Reproduction
{
    /// <summary>Behaviours of a sequence.</summary>
    public const int Length = 20;

    private readonly Recipe? _recipe;
    private readonly RatingSequences? _data;

    /// <summary>The sample as it ships.</summary>
    public AwMoeSample()
    {
    }

    /// <summary>The sample with another amount of work and other ratings.</summary>
    public AwMoeSample(Recipe recipe, RatingSequences data) => (_recipe, _data) = (recipe, data);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Most">Rows to train on at most, and a quarter as many to test on.</param>
    /// <param name="Epochs">Passes.</param>
    public sealed record Recipe(int Seeds, int Most, int Epochs);

    /// <inheritdoc/>
    public override string Id => "aw-moe";

    /// <inheritdoc/>
    public override string Title => "Attention-weighted gates over behaviours, with a contrastive loss";

    /// <inheritdoc/>
    public override string Paper => "J. Gong et al. (2023): Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking in E-commerce. ICDE, arXiv 2306.05011.";

    /// <inheritdoc/>
    public override string Data => "MovieLens latest-small (2018), 99,979 ratings of 610 users: liked or not, from the last films liked before; the last fifth of every user's ratings is to test";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("long-tail-gain", "What the contrastive loss gains in AUC on short histories, minus what it gains on whole ones", "AUC x 100", Bound.AtLeast(0.05), Published: "higher gain on the long-tail test set (abstract)"),
        new("long-tail-gain-users", "Lower end of that difference's 95 % interval over users, by bootstrap", "AUC x 100", Bound.AtLeast(0.01)),
        new("attention-over-mean", "AUC of the attention-weighted gate minus that of a gate on the mean of the history, both without contrast", "AUC x 100", Bound.AtLeast(0.1)),
        new("mixture-over-din", "AUC of the gate on the mean minus that of one network of as many parameters", "AUC x 100", Bound.AtLeast(0.1)),
        new("views-agree", "Rows whose masked view has a gate nearer to theirs than every other of 256 rows, with the contrastive loss minus without", "percentage points", Bound.AtLeast(5)),
        new("sum-of-behaviours", "Largest difference of the gate from the sum written out", "weight", Bound.AtMost(1e-4), Exact: true),
        new("absent-bits", "Weights that change when behaviours that are not there hold other numbers", "weights", Bound.AtMost(0), Exact: true),
        new("contrast-closed-form", "Difference of the contrastive loss on orthogonal rows from its closed form", "nats", Bound.AtMost(1e-12), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("not-augmentation", "The first claim's difference, minus the same for the masking as plain augmentation; near zero, the contrastive loss is not the cause", "AUC x 100", Bound.AtLeast(0.05)),
        new("histories-count", "AUC with the rows' own histories minus that with another row's", "AUC x 100", Bound.AtLeast(0.5)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("contrast", "no contrastive loss", ["long-tail-gain", "long-tail-gain-users", "views-agree"]),
        new("attention", "the gate sees the mean of the history", ["attention-over-mean"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 5, Most: 30_000, Epochs: 2), new Recipe(Seeds: 10, Most: 80_000, Epochs: 3));
        var data = _data ?? new RatingSequences(MovieLensSmall.Load(context.Data), Length);
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(data, recipe, !context.Without("attention"), !context.Without("contrast"), seed, progress);
            context.Progress.Say($"seed {seed}: {string.Join(", ", run.Areas.Select(static a => $"{a.Key} {a.Value.Whole:0.00} / {a.Value.Short:0.00}"))}");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        Record("long-tail-gain", static r => r.MoreOnShort("AW-MoE"));
        Record("long-tail-gain-users", static r => r.Users.Contrast.Low);
        Record("attention-over-mean", static r => r.Areas["without contrast"].Whole - r.Areas["gate on the mean"].Whole);
        Record("mixture-over-din", static r => r.Areas["gate on the mean"].Whole - r.Areas["DIN"].Whole);
        Record("views-agree", static r => r.Agreement.With - r.Agreement.Without);
        Record("sum-of-behaviours", static r => r.Identities.Sum);
        Record("absent-bits", static r => r.Identities.Bits);
        Record("contrast-closed-form", static r => r.Identities.ClosedForm);
        Record("not-augmentation", static r => r.MoreOnShort("AW-MoE") - r.MoreOnShort("masking as augmentation"));
        Record("histories-count", static r => r.Areas["AW-MoE"].Whole - r.OtherHistories);

        foreach (var (name, _, _) in SeedRun.Contenders)
        {
            findings.Numbers[$"AUC x 100, whole histories, {name}"] = runs.Select(r => r.Areas[name].Whole).ToArray();
            findings.Numbers[$"AUC x 100, short histories, {name}"] = runs.Select(r => r.Areas[name].Short).ToArray();
        }

        findings.Numbers["difference in differences, 95 % over users, contrast"] = runs.Select(static r => new[] { r.Users.Contrast.Low, r.Users.Contrast.High }).ToArray();
        findings.Numbers["difference in differences, 95 % over users, augmentation"] = runs.Select(static r => new[] { r.Users.Augmentation.Low, r.Users.Augmentation.High }).ToArray();
        findings.Numbers["views that find their row, %, with and without contrast"] = runs.Select(static r => new[] { r.Agreement.With, r.Agreement.Without }).ToArray();
        (string Name, IReadOnlyList<double> Values)[] Rows(Func<(double Whole, double Short), double> of) => [.. SeedRun.Contenders.Select(c => (c.Name, (IReadOnlyList<double>)[.. runs.Select(r => of(r.Areas[c.Name]))]))];
        (string Name, IReadOnlyList<double> Values)[] more =
        [
            ("contrastive loss", [.. runs.Select(static r => r.MoreOnShort("AW-MoE"))]),
            ("masking as augmentation", [.. runs.Select(static r => r.MoreOnShort("masking as augmentation"))]),
        ];
        findings.Page = result => PaperPage.Of(result, "Four experts rank films; the gate is a sum over the films a user liked before. Short histories are the same test rows cut to the last one, two or five films liked.",
        [
            ("Short histories gain more?", [PaperPage.Figure(IntervalChart.Draw(more, "gain on short histories minus gain on whole ones, AUC x 100", "Difference in differences"), "Against the same model without a masked view; a dot per seed, the mean and its 95 % interval.")]),
            ("Whole histories", [PaperPage.Figure(IntervalChart.Draw(Rows(static a => a.Whole), "AUC x 100", "Area under the curve on whole histories"), "All contenders see the same rows.")]),
            ("Short histories", [PaperPage.Figure(IntervalChart.Draw(Rows(static a => a.Short), "AUC x 100", "Area under the curve on short histories"), "The same rows with one, two or five behaviours left.")]),
        ]);
    }
}
