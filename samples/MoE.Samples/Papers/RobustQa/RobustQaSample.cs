using MoE.Samples.Data;
using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>Question answering with mixtures, trained from scratch: three tasks to learn from, three with few examples.</summary>
public sealed class RobustQaSample : Reproduction
{
    private const int FewExamples = 127;
    private static readonly int[] Source = [1, 4, 12], Shifted = [11, 13, 14];
    private readonly Recipe? _recipe;
    private readonly Func<int, bool, IReadOnlyList<BabiQuestion>>? _load;

    /// <summary>The sample as it ships.</summary>
    public RobustQaSample()
    {
    }

    /// <summary>The sample with another amount of work on other questions, by task and part.</summary>
    public RobustQaSample(Recipe recipe, Func<int, bool, IReadOnlyList<BabiQuestion>> load) => (_recipe, _load) = (recipe, load);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Steps">Steps of training for every contender.</param>
    /// <param name="Test">Test questions per task.</param>
    public sealed record Recipe(int Seeds, int Steps, int Test);

    private sealed record SeedRun(IReadOnlyDictionary<string, Evaluation> Models, double RandomDiffers, double ThresholdDiffers, double AtBalance, double AgainstFormula);

    /// <inheritdoc/>
    public override string Id => "robust-qa";

    /// <inheritdoc/>
    public override string Title => "Question answering with few examples";

    /// <inheritdoc/>
    public override string Paper => "Y. Zhou, J. Liu, J. Dong (2022): Build a Robust QA System with Transformer-based Mixture of Experts. arXiv 2204.09598.";

    /// <inheritdoc/>
    public override string Data => "bAbI, English: tasks 1, 4 and 12 to learn from, tasks 11, 13 and 14 with 127 examples each, tested on the latter";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("capacity", "Most routes that an expert kept in a sequence beyond its capacity", "routes", Bound.AtMost(0), Exact: true),
        new("loss-at-balance", "How far the load-balancing loss is from one at perfect balance", "loss", Bound.AtMost(1e-9), Exact: true),
        new("loss-formula", "How far it is from E sum f_e P_e for random logits", "loss", Bound.AtMost(1e-9), Exact: true),
        new("head-beats-dense", "Out-of-domain F1 of the mixture head minus a dense head of equal operations", "points", Bound.AtLeast(0.1)),
        new("switch-beats-dense", "Out-of-domain F1 of the Switch transformer minus a dense one of equal operations", "points", Bound.AtLeast(0.1)),
        new("balanced", "Load of the busiest expert over the mean, mixture head with the loss", "times", Bound.AtMost(1.5)),
        new("unbalanced-without", "The same without the loss", "times", Bound.AtLeast(3)),
        new("switch-balanced", "Load of the busiest expert over the mean, worse of two Switch layers with the loss", "times", Bound.AtMost(1.5)),
        new("augmentation", "Out-of-domain F1 with synonym augmentation of the few examples minus without", "points", Bound.AtLeast(1)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("random-evaluation", "Logits that differ between two evaluations under the released random second expert", "%", Bound.AtLeast(1)),
        new("threshold-evaluation", "The same under the threshold rule", "%", Bound.AtMost(0), Exact: true),
        new("learns", "Out-of-domain F1 of the dense head", "%", Bound.AtLeast(30)),
        new("switch-unbalanced-without", "Load of the busiest expert over the mean, worse of two Switch layers without the loss", "times", Bound.AtLeast(1.5)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("balancing", "mixtures are trained without the load-balancing loss", ["balanced", "switch-balanced"]),
        new("mixture", "the mixture head is the dense head, the Switch transformer the dense one", ["head-beats-dense", "switch-beats-dense", "balanced", "switch-balanced"]),
        new("augmentation", "no examples are added", ["augmentation"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 3, Steps: 250, Test: 200), new Recipe(Seeds: 5, Steps: 1100, Test: 1000));
        var load = _load ?? ((task, train) => Babi.Load(context.Data, task, train));
        var questions = Source.Concat(Shifted).ToDictionary(static t => t, t => (Train: load(t, true), Test: load(t, false)));
        // Layers this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = RunSeed(context, questions, recipe, seed, progress);
            context.Progress.Say($"seed {seed}: {string.Join(", ", run.Models.Select(static m => $"{m.Key} {m.Value.F1:0.0}"))}");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private static SeedRun RunSeed(RunContext context, Dictionary<int, (IReadOnlyList<BabiQuestion> Train, IReadOnlyList<BabiQuestion> Test)> questions, Recipe recipe, long seed, Action<double> progress)
    {
        var random = new Random((int)(seed % int.MaxValue));
        var vocabulary = new Dictionary<string, long> { ["[sep]"] = 1 };
        var few = Shifted.SelectMany(task => questions[task].Train.OrderBy(_ => random.Next()).Take(FewExamples).Select(q => (q, task))).ToList();
        var source = Source.SelectMany(task => questions[task].Train.Select(q => (q, task))).ToList();
        var more = context.Without("augmentation") ? [] : few.SelectMany(f => Augmentation.Copies(f.q, 4, random).Select(q => (q, f.task))).ToList();
        using SpanSet plain = SpanSet.Of(source.Concat(few), vocabulary), augmented = SpanSet.Of(source.Concat(few).Concat(more), vocabulary);
        using var test = SpanSet.Of(Shifted.SelectMany(task => questions[task].Test.OrderBy(_ => random.Next()).Take(recipe.Test).Select(q => (q, task))), vocabulary);
        bool balancing = !context.Without("balancing"), mixture = !context.Without("mixture");
        Form head = mixture ? Form.MixtureHead : Form.DenseHead, switched = mixture ? Form.Switch : Form.Dense;
        (string Name, Form Form, bool Balancing, SpanSet Set)[] contenders =
        [
            ("mixture head", head, balancing, plain),
            ("mixture head, no loss", Form.MixtureHead, false, plain),
            ("dense head", Form.DenseHead, false, plain),
            ("mixture head, augmented", head, balancing, augmented),
            ("Switch", switched, balancing, plain),
            ("Switch, no loss", Form.Switch, false, plain),
            ("dense", Form.Dense, false, plain),
        ];

        var models = new Dictionary<string, Evaluation>();
        double randomDiffers = 0, thresholdDiffers = 0;
        foreach (var (name, form, withLoss, set) in contenders)
        {
            torch.manual_seed(seed);
            using var model = new SpanModel(form, vocabulary.Count + 1, withLoss, LaterRule.Random, seed);
            SpanTraining.Train(model, set, recipe.Steps, seed, f => progress((models.Count + f) / contenders.Length));
            models[name] = Evaluation.Of(model, test);
            if (name != "mixture head, no loss") continue;
            // The released evaluation draws whether a second expert is taken.
            randomDiffers = Differing(models[name], Evaluation.Of(model, test));
            using var settled = new SpanModel(form, vocabulary.Count + 1, withLoss, LaterRule.Threshold, seed);
            settled.load_state_dict(model.state_dict());
            thresholdDiffers = Differing(Evaluation.Of(settled, test), Evaluation.Of(settled, test));
        }

        return new(models, randomDiffers, thresholdDiffers, LossIdentities.AtBalance(SpanModel.Experts), LossIdentities.AgainstFormula(512, SpanModel.Experts, seed));
    }

    private static double Differing(Evaluation a, Evaluation b) => 100 * a.Logits.Zip(b.Logits, static (x, y) => Math.Abs(x - y) > 1e-6 ? 1.0 : 0).Average();

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        Record("capacity", static r => r.Models.Values.Max(static m => m.Overfull));
        Record("loss-at-balance", static r => r.AtBalance);
        Record("loss-formula", static r => r.AgainstFormula);
        Record("head-beats-dense", static r => r.Models["mixture head"].F1 - r.Models["dense head"].F1);
        Record("switch-beats-dense", static r => r.Models["Switch"].F1 - r.Models["dense"].F1);
        Record("balanced", static r => r.Models["mixture head"].Balance);
        Record("unbalanced-without", static r => r.Models["mixture head, no loss"].Balance);
        Record("switch-balanced", static r => r.Models["Switch"].Balance);
        Record("augmentation", static r => r.Models["mixture head, augmented"].F1 - r.Models["mixture head"].F1);
        Record("random-evaluation", static r => r.RandomDiffers);
        Record("threshold-evaluation", static r => r.ThresholdDiffers);
        Record("learns", static r => r.Models["dense head"].F1);
        Record("switch-unbalanced-without", static r => r.Models["Switch, no loss"].Balance);

        (string Name, IReadOnlyList<double> Values)[] rows = [.. runs[0].Models.Keys.Select(name => (name, (IReadOnlyList<double>)[.. runs.Select(r => r.Models[name].F1)]))];
        findings.Numbers["out_of_domain_f1"] = rows.ToDictionary(static r => r.Name, static r => (object)r.Values.ToArray());
        findings.Numbers["busiest_over_mean"] = rows.ToDictionary(static r => r.Name, r => (object)runs.Select(run => run.Models[r.Name].Balance).ToArray());
        findings.Numbers["seeds_where_mixture_head_loses"] = runs.Count(static r => r.Models["mixture head"].F1 < r.Models["dense head"].F1);
        findings.Page = result => PaperPage.Of(result, $"{Paper} {Data}.", [("Out-of-domain F1", [IntervalChart.Draw(rows, "F1 on tasks 11, 13 and 14, %", "F1 of all contenders")])]);
    }
}
