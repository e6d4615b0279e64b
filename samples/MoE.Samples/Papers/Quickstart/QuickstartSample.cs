using MoE.Samples.Data;
using MoE.Samples.Digits;
using MoE.Samples.Frame;
using TorchSharp;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The main job: a mixture of experts on real handwriting, against dense rivals, and the trained layer in two engines.</summary>
public sealed class QuickstartSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly DigitImages? _images;

    /// <summary>The sample as it ships.</summary>
    public QuickstartSample()
    {
    }

    /// <summary>The sample with another amount of work.</summary>
    public QuickstartSample(Recipe recipe, DigitImages? images = null)
    {
        _recipe = recipe;
        _images = images;
    }

    /// <inheritdoc/>
    public override string Id => "quickstart";

    /// <inheritdoc/>
    public override string Title => "Mixture of experts on handwritten digits";

    /// <inheritdoc/>
    public override string Data => $"{DataCatalogue.Digits.Title}; a third held out, redrawn per seed";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("same-experts", "Held-out images that the torch and the managed engine send to different experts although their margin exceeds 1e-5", "images", Bound.AtMost(0), Exact: true),
        new("same-outputs", "Largest difference between the outputs of the two engines, as a fraction of the tolerance 1e-5 + 1e-4 |value|", "of tolerance", Bound.AtMost(1), Exact: true),
        new("balance", "Load of the busiest expert over the mean load on held-out images, with the load-balancing loss", "times the mean", Bound.AtMost(1.5)),
        new("specialisation", "What the chosen expert tells about the digit of a held-out image", "bits", Bound.AtLeast(0.5)),
        new("routing-helps", "Accuracy of the mixture minus that with experts drawn at random", "percentage points", Bound.AtLeast(0.5)),
        new("beats-equal-flops", "Accuracy of the mixture minus that of a dense network with as many operations per image", "percentage points", Bound.AtLeast(0)),
        new("beats-equal-parameters", "Accuracy of the mixture minus that of a dense network with as many parameters", "percentage points", Bound.AtLeast(0)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("unbalanced-without-loss", "Load of the busiest expert over the mean load on held-out images, without the load-balancing loss", "times the mean", Bound.AtLeast(2)),
        new("random-knows-nothing", "What an expert drawn at random tells about the digit", "bits", Bound.AtMost(0.1)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("balancing", "the mixture is trained without the load-balancing loss", ["balance", "specialisation"]),
        new("routing", "the mixture's experts are drawn at random", ["specialisation", "routing-helps"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(Recipe.Quick, Recipe.Paper);
        var images = _images ?? DigitImages.Load(context.Data);
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(images, recipe, seed, balanced: !context.Without("balancing"), learned: !context.Without("routing"), progress);
            context.Progress.Say($"seed {seed}: mixture {run.Mixture.Accuracy:0.0} %, dense of equal operations {run.EqualFlops:0.0} %, dense of equal parameters {run.EqualParameters:0.0} %");
            return run;
        });
        if (runs.Count > 0) Describe(runs, recipe, images, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Recipe recipe, DigitImages images, Findings findings)
    {
        findings.Record("same-experts", runs.Select(static r => (double)r.Engines.ClearlyDifferent));
        findings.Record("same-outputs", runs.Select(static r => r.Engines.OfTolerance));
        findings.Record("balance", runs.Select(static r => r.Mixture.Took.Balance));
        findings.Record("specialisation", runs.Select(static r => r.Mixture.Took.MutualInformation));
        findings.Record("routing-helps", runs.Select(static r => r.Mixture.Accuracy - r.Random.Accuracy));
        findings.Record("beats-equal-flops", runs.Select(static r => r.Mixture.Accuracy - r.EqualFlops));
        findings.Record("beats-equal-parameters", runs.Select(static r => r.Mixture.Accuracy - r.EqualParameters));
        findings.Record("unbalanced-without-loss", runs.Select(static r => r.Unbalanced.Took.Balance));
        findings.Record("random-knows-nothing", runs.Select(static r => r.Random.Took.MutualInformation));

        var summary = new QuickstartSummary(runs, recipe, images);
        foreach (var (name, value) in summary.Numbers()) findings.Numbers[name] = value;
        findings.Screen.AddRange(QuickstartScreen.Of(summary));
        findings.Next.AddRange(
        [
            "Next, after `dotnet run -c Release --project samples/MoE.Samples --`:",
            "  list                  what else runs",
            "  run extend-gate       your own gate in 40 lines",
            "  --ablate balancing    the same without the load-balancing loss",
            "Or change one line of samples/MoE.Samples/Papers/Quickstart/MoEClassifier.cs:",
            "  Mixtral(experts: 8) -> DeepSeekV3(8, k: 2, groups: 2, keepGroups: 1, 1.0)",
        ]);
        findings.Page = result => QuickstartPage.Of(summary, result);
    }
}
