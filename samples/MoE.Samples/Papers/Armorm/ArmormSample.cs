using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.Armorm;

/// <summary>A reward of many objectives whose weights a gate takes from the prompt: on made data with known weights, and on human ratings.</summary>
public sealed class ArmormSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly IReadOnlyList<RatedText>? _texts;

    /// <summary>The sample as it ships.</summary>
    public ArmormSample()
    {
    }

    /// <summary>The sample with another amount of work and other ratings.</summary>
    public ArmormSample(Recipe recipe, IReadOnlyList<RatedText> texts) => (_recipe, _texts) = (recipe, texts);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Prompts">Made prompts, two responses each.</param>
    /// <param name="Hidden">Width of the gate's layers; 1,024 in the paper.</param>
    /// <param name="Steps">Steps of stage 2; 2,000 in the released script.</param>
    /// <param name="Batch">Pairs a step.</param>
    public sealed record Recipe(int Seeds, int Prompts, int Hidden, int Steps, int Batch);

    private sealed record SeedRun(Contest Made, Contest Plain, Contest? Rated);

    /// <inheritdoc/>
    public override string Id => "armorm";

    /// <inheritdoc/>
    public override string Title => "A gate over the objectives of a reward";

    /// <inheritdoc/>
    public override string Paper => "H. Wang et al. (2024): Interpretable Preferences via Multi-Objective Reward Modeling and Mixture-of-Experts. arXiv 2406.12845.";

    /// <inheritdoc/>
    public override string Data => "made rewards of 19 objectives; human ratings of 4,264 texts of five kinds (UniEval, DialSummEval, SummEval-OP), 1,800 pairs by overall score";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("gated-beats-fixed", "Made data: accuracy on held-out pairs of the gate minus the best single weight vector", "percentage points", Bound.AtLeast(3)),
        new("fixed-beats-uniform", "Made data: accuracy of the best single weight vector minus the plain sum", "percentage points", Bound.AtLeast(3)),
        new("top-objective", "Made data: kinds of prompt whose heaviest objective is the one that decides there", "%", Bound.AtLeast(90)),
        new("debiased", "Made data: largest rank correlation with verbosity, in size, of an objective after debiasing, on the reference set", "correlation", Bound.AtMost(0.03)),
        new("debiased-upward", "Made data: largest rank correlation with verbosity, signed, after debiasing: what the search bounds", "correlation", Bound.AtMost(0.03)),
        new("rated-debiased", "Human ratings: the same", "correlation", Bound.AtMost(0.03)),
        new("rated-gated-beats-fixed", "Human ratings: accuracy on held-out pairs of the gate minus the best single weight vector", "percentage points", Bound.AtLeast(3)),
        new("rated-gated-beats-uniform", "Human ratings: accuracy of the gate minus the plain sum", "percentage points", Bound.AtLeast(3)),
        new("weights-sum", "How far a prompt's weights are from summing to the learned scale", "of the scale", Bound.AtMost(1e-5), Exact: true),
        new("weights-differ", "Made data: distance in total variation of a prompt's weights from the mean weights", "fraction", Bound.AtLeast(0.1)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("released-constant", "The released script's softmax over the pair: largest distance of a weight from one half", "weight", Bound.AtMost(1e-6), Exact: true),
        new("released-is-uniform", "Its accuracy minus that of the plain sum, in size", "percentage points", Bound.AtMost(1e-6), Exact: true),
        new("no-kinds", "Made data whose preferences do not depend on the kind: accuracy of the gate minus the best single weight vector", "percentage points", Bound.In(-0.5, 0.5)),
        new("biased-before", "Made data: largest rank correlation with verbosity, in size, before debiasing", "correlation", Bound.AtLeast(0.2)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("gate", "every objective weighs the same for every prompt", ["gated-beats-fixed", "top-objective", "rated-gated-beats-fixed", "rated-gated-beats-uniform", "weights-differ"]),
        new("debiasing", "verbosity stays in the objectives", ["debiased", "debiased-upward", "rated-debiased"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 5, Prompts: 4000, Hidden: 64, Steps: 600, Batch: 512), new Recipe(Seeds: 10, Prompts: 10_000, Hidden: 256, Steps: 1000, Batch: 1024));
        var (texts, absent) = Texts(context);
        var options = (Gate: !context.Without("gate"), Debias: !context.Without("debiasing"));
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var random = new Random((int)(seed % int.MaxValue));
            int part = 0;
            Contest Hold(RewardData data)
            {
                var contest = Contest.Of(data, recipe, seed, options, f => progress((part + f) / 3));
                part++;
                return contest;
            }

            var run = new SeedRun(
                Hold(MadeRewards.Draw(recipe.Prompts, byKind: true, random)), Hold(MadeRewards.Draw(recipe.Prompts, byKind: false, random)),
                texts is null ? null : Hold(RatedRewards.Draw(texts, random)));
            context.Progress.Say($"seed {seed}: made {Line(run.Made)}; without kinds {Line(run.Plain)}; ratings {(run.Rated is { } rated ? Line(rated) : "not at hand")}");
            return run;
        });
        if (runs.Count > 0) Describe(runs, absent, findings);
    }

    private static string Line(Contest c) => $"gated {c.Gated:0.0} %, fixed {c.Fixed:0.0} %, uniform {c.Uniform:0.0} %";

    // Made data need none; without the ratings their claims alone are not run.
    private (IReadOnlyList<RatedText>? Texts, string? Absent) Texts(RunContext context)
    {
        if (_texts is not null) return (_texts, null);
        try
        {
            return (RatedTexts.Load(context.Data), null);
        }
        catch (MissingDataException e)
        {
            return (null, e.Message);
        }
    }

    private void Describe(IReadOnlyList<SeedRun> runs, string? absent, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        Record("gated-beats-fixed", static r => r.Made.Gated - r.Made.Fixed);
        Record("fixed-beats-uniform", static r => r.Made.Fixed - r.Made.Uniform);
        Record("top-objective", static r => r.Made.TopRight);
        Record("debiased", static r => r.Made.Debiased);
        Record("debiased-upward", static r => r.Made.DebiasedSigned);
        Record("weights-sum", static r => Math.Max(r.Made.SumError, r.Plain.SumError));
        Record("weights-differ", static r => r.Made.Difference);
        Record("released-constant", static r => Math.Max(r.Made.ReleasedSpread, r.Plain.ReleasedSpread));
        Record("released-is-uniform", static r => Math.Abs(r.Made.Released - r.Made.Uniform));
        Record("no-kinds", static r => r.Plain.Gated - r.Plain.Fixed);
        Record("biased-before", static r => r.Made.Biased);

        var rated = runs.Where(static r => r.Rated is not null).Select(static r => r.Rated!).ToList();
        if (rated.Count > 0)
        {
            findings.Record("rated-debiased", rated.Select(static r => r.Debiased));
            findings.Record("rated-gated-beats-fixed", rated.Select(static r => r.Gated - r.Fixed));
            findings.Record("rated-gated-beats-uniform", rated.Select(static r => r.Gated - r.Uniform));
        }

        if (absent is not null) findings.Numbers["not_run"] = absent;
        (string Name, IReadOnlyList<Contest> Contests)[] sets = [("made", [.. runs.Select(static r => r.Made)]), ("made, no kinds", [.. runs.Select(static r => r.Plain)]), .. rated.Count > 0 ? [("human ratings", rated)] : Array.Empty<(string, IReadOnlyList<Contest>)>()];
        findings.Numbers["accuracy_percent"] = sets.ToDictionary(static s => s.Name, static s => (object)new Dictionary<string, object>
        {
            ["gated"] = s.Contests.Select(static c => c.Gated).ToArray(),
            ["fixed"] = s.Contests.Select(static c => c.Fixed).ToArray(),
            ["uniform"] = s.Contests.Select(static c => c.Uniform).ToArray(),
            ["as released"] = s.Contests.Select(static c => c.Released).ToArray(),
        });
        findings.Numbers["largest_correlation_with_verbosity"] = sets.ToDictionary(static s => s.Name, static s => (object)new Dictionary<string, object>
        {
            ["before"] = s.Contests.Select(static c => c.Biased).ToArray(),
            ["after"] = s.Contests.Select(static c => c.Debiased).ToArray(),
            ["after, signed"] = s.Contests.Select(static c => c.DebiasedSigned).ToArray(),
        });
        findings.Numbers["weights_of_first_seed"] = runs[0].Made.Weights;
        findings.Page = result => PaperPage.Of(result, $"{Paper} {Data}.", [.. sets.Select(static s => ($"Accuracy: {s.Name}", new object[] { IntervalChart.Draw(
            [
                ("gate over objectives", [.. s.Contests.Select(static c => c.Gated)]),
                ("best single weights", [.. s.Contests.Select(static c => c.Fixed)]),
                ("plain sum", [.. s.Contests.Select(static c => c.Uniform)]),
                ("as released", [.. s.Contests.Select(static c => c.Released)]),
            ], "accuracy on held-out pairs, %", $"Accuracy on {s.Name}") }))]);
    }
}
