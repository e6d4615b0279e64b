using MoE.Samples.Frame;
using MoE.Samples.Language;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.Ept;

/// <summary>A prompt as a dense mixture over projections: short, fused with a low-rank product, and folded to a constant.</summary>
public sealed class EptSample : Reproduction
{
    internal const string Ept = "EPT";
    private const string Plain = "plain prompt", Probe = "no prompt", Uniform = "spaces alike", One = "one space";
    private readonly Recipe? _recipe;
    private readonly Sentences? _data;

    /// <summary>The sample as it ships.</summary>
    public EptSample()
    {
    }

    /// <summary>The sample with another amount of work and other sentences.</summary>
    public EptSample(Recipe recipe, Sentences data) => (_recipe, _data) = (recipe, data);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Base">The frozen model.</param>
    /// <param name="Tuning">Of each prompt.</param>
    /// <param name="TimedSteps">Steps that are timed.</param>
    public sealed record Recipe(int Seeds, FrozenModel.Recipe Base, PromptTuning.Recipe Tuning, int TimedSteps)
    {
        /// <summary>Tokens of the plain prompt that steps are timed against: EPT's short prompt is 60 % of it.</summary>
        public int TimedLength => Short * 10 / 6;
    }

    private const int Short = 18;

    private static PromptForm Form { get; } = new(Short, Rank: 4, Attention: 2, Spaces: 4, SpaceWidth: 1);

    /// <inheritdoc/>
    public override string Id => "ept";

    /// <inheritdoc/>
    public override string Title => "Prompts as a gated mixture of projections, folded to a constant";

    /// <inheritdoc/>
    public override string Paper => "P. Lan et al. (2025): Efficient Prompt Tuning by Multi-Space Projection and Prompt Fusion. AAAI, arXiv 2405.11464.";

    /// <inheritdoc/>
    public override string Data => "text-classification: a small transformer learns film reviews and kinds of questions; prompts are tuned for customer reviews, opinions of phrases and subjectivity, every fifth sentence held out";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("ept-accuracy", "Mean accuracy over tasks of EPT minus that of a plain prompt of as many parameters", "percentage points", Bound.AtLeast(1), Published: "up to 12.9 % relative (abstract)"),
        new("ept-spread", "Standard deviation of accuracy across tasks, EPT minus plain", "percentage points", Bound.AtMost(0)),
        new("step-time", "Time of a step with the short prompt, over one with a plain prompt that it is 60 % of", "times", Bound.AtMost(0.9), Published: "0.86 (abstract)"),
        new("folded-bits", "Logits that change when the prompt is folded to a constant", "logits", Bound.AtMost(0), Exact: true),
        new("start-bits", "Logits of a new prompt that differ from those of its short part alone", "logits", Bound.AtMost(0), Exact: true),
        new("budget", "Trained numbers of EPT over those of the plain prompt", "times", Bound.In(0.95, 1), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("prompts-work", "Mean accuracy of the plain prompt minus that of the frozen model with its verbaliser alone", "percentage points", Bound.AtLeast(5)),
        new("gate-counts", "Mean accuracy of EPT minus that with all spaces alike; near zero, the gate is not the cause", "percentage points", Bound.AtLeast(0.5)),
        new("spaces-count", "Mean accuracy of EPT minus that with one space of as many parameters; near zero, many spaces are not the cause", "percentage points", Bound.AtLeast(0.5)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("reparametrisation", "EPT has neither low-rank product, fusion nor spaces: its short prompt alone", ["ept-accuracy"]),
        new("short-prompt", "EPT's prompt is as long as the plain one", ["step-time"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(
            new Recipe(3, new(Width: 64, Layers: 2, Heads: 4, Steps: 700, Batch: 32), new(Steps: 120, Batch: 16, Train: 2000, Test: 400), TimedSteps: 15),
            new Recipe(6, new(Width: 64, Layers: 2, Heads: 4, Steps: 6000, Batch: 32), new(Steps: 700, Batch: 16, Train: 2000, Test: 700), TimedSteps: 40));
        var data = _data ?? Sentences.Load(context.Data);
        int width = recipe.Base.Width;
        var form = context.Without("reparametrisation") ? new PromptForm(Short) : context.Without("short-prompt") ? Form with { Length = recipe.TimedLength } : Form;
        int plain = (int)((Form.Parameters(width, Sentences.Longest) + width - 1) / width);
        (string Name, PromptForm Form)[] forms =
        [
            (Ept, form),
            (Plain, new(plain)),
            (Uniform, form with { Gated = false }),
            (One, form with { Spaces = Math.Min(1, form.Spaces), SpaceWidth = form.Spaces * form.SpaceWidth }),
            (Probe, new(0)),
        ];
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        FrozenModel? frozen = null;
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            // The first seed waits for the frozen model.
            double from = frozen is null ? 0.3 : 0;
            frozen ??= FrozenModel.Make(data, recipe.Base, new LanguageCache(context.Cache), f => progress(0.3 * f));
            var run = SeedRun.Of(data, frozen, recipe, forms, seed, f => progress(from + (1 - from) * f));
            context.Progress.Say($"seed {seed}: {string.Join(", ", forms.Select(f => $"{f.Name} {run.Mean(f.Name):0.0} %"))}; step {run.StepTime:0.00}");
            return run;
        });
        using var end = frozen;
        if (runs.Count == 0) return;
        Describe(runs, forms, data, width, findings);
        findings.Numbers["frozen model finds words, %"] = frozen!.Finds(data);
        for (int s = 0; s < data.Sources.Count; s++) findings.Numbers[$"frozen model on held-out {data.Sources[s].Name}, %"] = frozen!.Accuracy(data, s);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, (string Name, PromptForm Form)[] forms, Sentences data, int width, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        long Numbers(string name) => forms.First(f => f.Name == name).Form.Parameters(width, Sentences.Longest);
        Record("ept-accuracy", static r => r.Mean(Ept) - r.Mean(Plain));
        Record("ept-spread", static r => r.Spread(Ept) - r.Spread(Plain));
        Record("step-time", static r => r.StepTime);
        Record("folded-bits", static r => r.FoldedBits);
        Record("start-bits", static r => r.StartBits);
        Record("budget", _ => Form.Parameters(width, Sentences.Longest) / (double)Numbers(Plain));
        Record("prompts-work", static r => r.Mean(Plain) - r.Mean(Probe));
        Record("gate-counts", static r => r.Mean(Ept) - r.Mean(Uniform));
        Record("spaces-count", static r => r.Mean(Ept) - r.Mean(One));

        foreach (var (name, _) in forms)
        {
            findings.Numbers[$"trained numbers, {name}"] = Numbers(name);
            for (int t = 0; t < data.Targets.Count; t++)
            {
                int task = t;
                findings.Numbers[$"accuracy, %, {data.Targets[t].Name}, {name}"] = runs.Select(r => r.Accuracies[name][task]).ToArray();
            }
        }

        findings.Numbers["largest weight of a space"] = runs.Average(static r => r.LargestSpace);
        (string Name, IReadOnlyList<double> Values)[] rows = [.. forms.Select(f => (f.Name, (IReadOnlyList<double>)[.. runs.Select(r => r.Mean(f.Name))]))];
        findings.Page = result => PaperPage.Of(result, "Prompts in front of a frozen transformer that was trained here; all contenders train a linear verbaliser beside their prompt.",
        [
            ("Mean over tasks", [PaperPage.Figure(IntervalChart.Draw(rows, "mean accuracy over tasks, %", "Accuracy of prompts"), "A dot per seed, the mean and its 95 % interval; all see the same sentences in the same order.")]),
            ("By task", [Diagnostics.HtmlPage.Table(["prompt", "trained numbers", .. data.Targets.Select(static t => t.Name)],
                forms.Select(f => (IReadOnlyList<string>)[f.Name, $"{Numbers(f.Name)}", .. data.Targets.Select((_, t) => $"{runs.Average(r => r.Accuracies[f.Name][t]):0.0} %")]))]),
        ]);
    }
}
