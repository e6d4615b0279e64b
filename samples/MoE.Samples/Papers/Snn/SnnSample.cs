using MoE.Diagnostics;
using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.Snn;

/// <summary>An ensemble without a router: spiking experts for places, the loudest wins, and hyperactive neurons taken out.</summary>
public sealed class SnnSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly FashionMnist? _images;

    /// <summary>The sample as it ships.</summary>
    public SnnSample()
    {
    }

    /// <summary>The sample with another amount of work and other images.</summary>
    public SnnSample(Recipe recipe, FashionMnist images) => (_recipe, _images) = (recipe, images);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="Modules">Experts, at least two.</param>
    /// <param name="Places">Places of each.</param>
    /// <param name="Neurons">Excitatory neurons of each.</param>
    /// <param name="Epochs">Passes over two traverses.</param>
    /// <param name="Rivals">How many modules the single network stands against.</param>
    public sealed record Recipe(int Seeds, int Modules, int Places, int Neurons, int Epochs, int Rivals);

    /// <inheritdoc/>
    public override string Id => "snn";

    /// <inheritdoc/>
    public override string Title => "Region-specific spiking experts without a router";

    /// <inheritdoc/>
    public override string Paper => "S. Hussaini, M. Milford, T. Fischer (2023): Ensembles of Compact, Region-specific & Regularized Spiking Neural Networks for Scalable Place Recognition. ICRA, arXiv 2209.08723.";

    /// <inheritdoc/>
    public override string Data => "Fashion-MNIST test images as places; three traverses of them with made changes of light, position, occlusion and noise, redrawn per seed";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("removal", "Precision at full recall of all modules without hyperactive neurons, minus with them", "percentage points", Bound.AtLeast(5)),
        new("slower-decline", "What is lost from one module alone to all of them with hyperactive neurons, minus what is lost without", "percentage points", Bound.AtLeast(2)),
        new("learned", "Precision of a module alone on its places, minus that of the same with random weights", "percentage points", Bound.AtLeast(10)),
        new("monolith-slower", "Processor time to train one network for the places of some modules, over that of the modules", "times", Bound.AtLeast(1.5)),
        new("monolith-not-better", "Precision of these modules minus that of the one network with as many neurons", "percentage points", Bound.AtLeast(-2)),
        new("same-spikes", "Answers that differ when a module is trained again alone instead of beside the others", "answers", Bound.AtMost(0), Exact: true),
        new("column-sums", "Largest difference of the sum of a neuron's weights from 78 after it was made so", "weight", Bound.AtMost(0.01), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("random-removal", "Precision without as many neurons drawn at random, minus with all", "percentage points", Bound.AtMost(2)),
        new("not-calibration", "Precision without hyperactive neurons minus that of all neurons with each module's scores standardised; near zero, removal would be calibration", "percentage points", Bound.AtLeast(1)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("removal", "the threshold on hyperactivity stays off", ["removal", "slower-decline"]),
        new("plasticity", "weights stay random", ["learned"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(new Recipe(Seeds: 5, Modules: 10, Places: 20, Neurons: 100, Epochs: 20, Rivals: 2), new Recipe(Seeds: 5, Modules: 20, Places: 25, Neurons: 100, Epochs: 40, Rivals: 4));
        var images = _images ?? FashionMnist.Load(context.Data, train: false);
        bool learns = !context.Without("plasticity"), removes = !context.Without("removal");
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(images, recipe, learns, removes, seed, progress);
            context.Progress.Say($"seed {seed}: one module {run.Growing[0].Plain:0.0} %, all {run.Whole.Plain:0.0} %, without hyperactive neurons {run.Whole.Removed:0.0} % (threshold {run.Whole.Threshold}, {100 * run.Whole.Off:0} % off), standardised {run.Whole.Standardized:0.0} %");
            return run;
        });
        if (runs.Count > 0) Describe(runs, recipe, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Recipe recipe, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        Record("removal", static r => r.Whole.Removed - r.Whole.Plain);
        Record("slower-decline", static r => r.Growing[0].Plain - r.Whole.Plain - (r.Growing[0].Removed - r.Whole.Removed));
        Record("learned", r => r.Growing[0].Plain - r.Untrained);
        Record("monolith-slower", static r => r.MonolithTime);
        Record("monolith-not-better", static r => r.Rivals - r.Monolith);
        Record("same-spikes", static r => r.ChangedSpikes);
        Record("column-sums", static r => r.ColumnError);
        Record("random-removal", static r => r.Whole.RandomRemoved - r.Whole.Plain);
        Record("not-calibration", static r => r.Whole.Removed - r.Whole.Standardized);

        (string Name, Func<Ensemble.Outcome, double> Of)[] ways = [("without hyperactive", static o => o.Removed), ("all neurons", static o => o.Plain), ("standardised", static o => o.Standardized)];
        foreach (var (name, of) in ways) findings.Numbers[$"precision by modules, {name}"] = Enumerable.Range(0, recipe.Modules).Select(m => runs.Average(r => of(r.Growing[m]))).ToArray();
        findings.Numbers["thresholds chosen"] = runs.Select(static r => r.Whole.Threshold).ToArray();
        findings.Numbers["share of neurons off"] = runs.Select(static r => r.Whole.Off).ToArray();
        findings.Numbers["untrained, %"] = runs.Select(static r => r.Untrained).ToArray();
        findings.Numbers["one network, %"] = runs.Select(static r => r.Monolith).ToArray();
        findings.Numbers["its rivals, %"] = runs.Select(static r => r.Rivals).ToArray();
        findings.Numbers["processor milliseconds per image"] = runs.Average(static r => r.ImageTime);
        int shown = 2 * recipe.Modules * recipe.Places;
        findings.Numbers["deciles of the share of reference images a neuron fires in"] = Enumerable.Range(1, 9).Select(d => runs.Average(r => r.Activity.Order().ElementAt(r.Activity.Length * d / 10) / (double)shown)).ToArray();

        (string Name, IReadOnlyList<double> Values)[] rows =
        [
            ("without hyperactive", [.. runs.Select(static r => r.Whole.Removed)]),
            ("all neurons", [.. runs.Select(static r => r.Whole.Plain)]),
            ("as many at random off", [.. runs.Select(static r => r.Whole.RandomRemoved)]),
            ("standardised scores", [.. runs.Select(static r => r.Whole.Standardized)]),
        ];
        findings.Page = result => PaperPage.Of(result, $"{recipe.Modules} networks of {recipe.Neurons} excitatory neurons learn {recipe.Places} places each; at a query the place with the largest score of all wins.",
        [
            ("All modules together", [PaperPage.Figure(IntervalChart.Draw(rows, "precision at full recall, %", "Precision of four ways to put modules together"), "A dot per seed, the mean and its 95 % interval.")]),
            ("More and more modules", [PaperPage.Figure(LineChart.Draw([.. ways.Select(w => new Line(w.Name, [.. runs.Select(r => (IReadOnlyList<double>)[.. r.Growing.Select(w.Of)])]))], 0, "modules", "Precision at full recall, %"), "Precision on the places of the first modules; the first point is the mean over modules alone. The band is the range over seeds.")]),
        ]);
    }
}
