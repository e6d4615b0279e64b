using MoE.Diagnostics;
using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>Several dense predictions from one picture: shared experts, a gate per task, and the task's memory as one more expert.</summary>
public sealed class TaskExpertSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly FashionMnist? _train;
    private readonly FashionMnist? _test;

    /// <summary>The sample as it ships.</summary>
    public TaskExpertSample()
    {
    }

    /// <summary>The sample with another amount of work and other images.</summary>
    public TaskExpertSample(Recipe recipe, FashionMnist train, FashionMnist test) => (_recipe, _train, _test) = (recipe, train, test);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="TrainPictures">Pictures to learn from.</param>
    /// <param name="TestPictures">Pictures held out.</param>
    /// <param name="Steps">Steps of a training, 16 pictures each.</param>
    public sealed record Recipe(int Seeds, int TrainPictures, int TestPictures, int Steps);

    /// <inheritdoc/>
    public override string Id => "taskexpert";

    /// <inheritdoc/>
    public override string Title => "Dense multi-task prediction: a gate per task over shared experts and a memory (TaskExpert)";

    /// <inheritdoc/>
    public override string Paper => "H. Ye, D. Xu (2023): TaskExpert: Dynamically Assembling Multi-Task Representations with Memorial Mixture-of-Experts. ICCV, arXiv 2307.15324";

    /// <inheritdoc/>
    public override string Data => "Mosaics of two to four Fashion-MNIST items, 32x32 pixels, with exact classes, boundaries and depths; redrawn per seed";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("beats-shared-decoder", "Multi-task gain over a decoder per task on the last tap, of equal parameters", "%", Bound.AtLeast(1), Published: "best on all nine metrics of two sets, against methods of its time"),
        new("memory-helps", "Multi-task gain over the same without memory", "%", Bound.AtLeast(0.2)),
        new("tasks-differ", "Mean total variation of two tasks' gates", "fraction", Bound.AtLeast(0.1)),
        new("rows-sum-to-one", "Largest difference of the sum of a gate's weights from one", "fraction", Bound.AtMost(1e-6), Exact: true),
        new("equal-parameters", "Largest difference of a rival's number of parameters", "%", Bound.AtMost(2), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("constant-gate", "Multi-task gain over the same with equal weights: without it the dynamic gate is not what helps", "%", Bound.AtLeast(0.5)),
        new("wider-static-decoder", "Multi-task gain over a decoder per tap and task, of equal parameters", "%", Bound.AtLeast(0)),
        new("pictures-differ", "Mean total variation of a task's gate on two pictures: the gate is dynamic", "fraction", Bound.AtLeast(0.02)),
        new("learns-all-tasks", "Mean intersection over union of TaskExpert, where ground alone would give 7", "%", Bound.AtLeast(20)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("gate", "all weights are equal", ["tasks-differ"]),
        new("memory", "there is no memory; heads read the sum of the taps' mixtures", ["memory-helps"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 3, TrainPictures: 3000, TestPictures: 400, Steps: 180), new Recipe(Seeds: 5, TrainPictures: 12000, TestPictures: 1000, Steps: 1500));
        var train = _train ?? FashionMnist.Load(context.Data, train: true);
        var test = _test ?? FashionMnist.Load(context.Data, train: false);
        // Maps this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(train, test, recipe, seed, !context.Without("gate"), !context.Without("memory"), progress);
            context.Progress.Say($"seed {seed}: classes {run.Memorial.MeanIoU:0.0} %, boundary {run.Memorial.BoundaryF:0.0} %, depth {run.Memorial.DepthError:0.000}; gain over shared {Signed.Text(run.Memorial.GainOver(run.Shared))} %, over constant gate {Signed.Text(run.Memorial.GainOver(run.Constant))} %");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        Record("beats-shared-decoder", static r => r.Memorial.GainOver(r.Shared));
        Record("memory-helps", static r => r.Memorial.GainOver(r.Forgetful));
        Record("tasks-differ", static r => r.Memorial.BetweenTasks);
        Record("rows-sum-to-one", static r => Math.Max(r.Memorial.RowError, Math.Max(r.Constant.RowError, r.Forgetful.RowError)));
        Record("equal-parameters", static r => r.SizeGap);
        Record("constant-gate", static r => r.Memorial.GainOver(r.Constant));
        Record("wider-static-decoder", static r => r.Memorial.GainOver(r.Wider));
        Record("pictures-differ", static r => r.Memorial.BetweenPictures);
        Record("learns-all-tasks", static r => r.Memorial.MeanIoU);

        (string Name, Func<SeedRun, DenseScore> Of)[] models =
        [
            ("TaskExpert", static r => r.Memorial), ("no memory", static r => r.Forgetful), ("equal weights", static r => r.Constant), ("decoder per tap", static r => r.Wider), ("decoder on last tap", static r => r.Shared),
        ];
        (string Name, IReadOnlyList<double> Values)[] Rows(Func<DenseScore, double> value) => [.. models.Select(m => (m.Name, (IReadOnlyList<double>)[.. runs.Select(r => value(m.Of(r)))]))];
        var scores = new[] { ("mean_iou_percent", Rows(static s => s.MeanIoU)), ("boundary_f_percent", Rows(static s => s.BoundaryF)), ("depth_error", Rows(static s => s.DepthError)) };
        foreach (var (name, rows) in scores) findings.Numbers[name] = rows.ToDictionary(static r => r.Name, static r => (object)r.Values.ToArray());
        findings.Numbers["memory_weight"] = runs.Average(static r => r.Memorial.MemoryWeight);
        findings.Page = result => PaperPage.Of(result, $"{Paper}. {Data}.",
        [
            ("Three tasks", [HtmlPage.Beside(
                IntervalChart.Draw(scores[0].Item2, "mean intersection over union, %", "Semantic classes"),
                IntervalChart.Draw(scores[1].Item2, "F measure, %", "Boundary")),
                IntervalChart.Draw(scores[2].Item2, "root mean square error", "Depth (lower is better)")]),
            ("Gates", [HtmlPage.Table(["quantity", "mean over seeds"],
            [
                ["total variation of two tasks' gates", $"{runs.Average(static r => r.Memorial.BetweenTasks):0.000}"],
                ["total variation of a task's gate on two pictures", $"{runs.Average(static r => r.Memorial.BetweenPictures):0.000}"],
                ["weight of the memory, where 1/6 would be equal", $"{runs.Average(static r => r.Memorial.MemoryWeight):0.000}"],
            ])]),
        ]);
    }
}
