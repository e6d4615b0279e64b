using MoE.Diagnostics;
using MoE.Samples.Data.Sets;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using TorchSharp;

namespace MoE.Samples.Papers.Hmode;

/// <summary>Counting by density maps of three scales under two levels of gates per pixel.</summary>
public sealed class HmodeSample : Reproduction
{
    private readonly Recipe? _recipe;
    private readonly FashionMnist? _train;
    private readonly FashionMnist? _test;
    private readonly VggCells? _cells;

    /// <summary>The sample as it ships.</summary>
    public HmodeSample()
    {
    }

    /// <summary>The sample with another amount of work and other images.</summary>
    public HmodeSample(Recipe recipe, FashionMnist train, FashionMnist test, VggCells? cells) => (_recipe, _train, _test, _cells) = (recipe, train, test, cells);

    /// <summary>How much work.</summary>
    /// <param name="Seeds">Number of seeds.</param>
    /// <param name="TrainScenes">Scenes to learn from.</param>
    /// <param name="TestScenes">Scenes held out.</param>
    /// <param name="Steps">Steps of a training on scenes.</param>
    /// <param name="CellSteps">Steps of the training on cells.</param>
    /// <param name="TestCells">Images of cells held out, at most; the first half of the images is learned from.</param>
    public sealed record Recipe(int Seeds, int TrainScenes, int TestScenes, int Steps, int CellSteps, int TestCells);

    /// <inheritdoc/>
    public override string Id => "hmode";

    /// <inheritdoc/>
    public override string Title => "Crowd counting: density experts under two levels of gates per pixel (HMoDE)";

    /// <inheritdoc/>
    public override string Paper => "Z. Du et al. (2023): Redesigning Multi-Scale Neural Network for Crowd Counting. IEEE TIP, arXiv 2208.02894";

    /// <inheritdoc/>
    public override string Data => "Crowds of Fashion-MNIST items under a law of perspective, 64x64 pixels, redrawn per seed; VGG synthetic cells at half size, first half to learn from (without them the claims about cells are not run)";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("beats-best-expert", "Mean absolute error of the best of the three experts alone, chosen on the test scenes, above that of the mixture", "%", Bound.AtLeast(5)),
        new("beats-average", "Mean absolute error of the experts' average above that of the mixture: equal weights would give zero", "%", Bound.AtLeast(1)),
        new("fine-falls-with-row", "Rank correlation of row and weight of the finest expert, where things grow downwards", "Spearman's rho", Bound.AtMost(-0.5)),
        new("cells-beat-best-expert", "On cells: mean absolute error of the best expert alone above that of the mixture", "%", Bound.AtLeast(5)),
        new("cells-error", "On cells: mean absolute error of the mixture, of 176 cells an image", "cells", Bound.AtMost(10)),
        new("targets-integrate", "Largest difference of an integrated target from its number of dots", "items", Bound.AtMost(1e-4), Exact: true),
        new("equal-weights-average", "Largest difference of the final map under equal weights from the experts' average", "hundredths of an item", Bound.AtMost(1e-5), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("shuffled-rows", "Rank correlation of row and weight of the finest expert, where size does not depend on the row", "Spearman's rho", Bound.In(-0.5, 0.5)),
        new("one-weight-per-image", "Mean absolute error with one weight per image above that with one per pixel: equal errors take the ground from weights per pixel", "%", Bound.AtLeast(1)),
        new("relative-loss-is-small", "Mean absolute error without relative local counts above that with them, in size", "%", Bound.In(-5, 5)),
        new("counts-at-all", "Mean absolute error of the mixture over the mean count", "%", Bound.AtMost(30)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("gates", "all weights of both levels are equal", ["beats-best-expert", "beats-average", "fine-falls-with-row", "cells-beat-best-expert"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(
            new Recipe(Seeds: 3, TrainScenes: 800, TestScenes: 200, Steps: 200, CellSteps: 200, TestCells: 50),
            new Recipe(Seeds: 5, TrainScenes: 3000, TestScenes: 500, Steps: 1200, CellSteps: 900, TestCells: 100));
        var train = _train ?? FashionMnist.Load(context.Data, train: true);
        var test = _test ?? FashionMnist.Load(context.Data, train: false);
        var cells = _cells;
        if (_recipe is null)
        {
            try
            {
                cells = VggCells.Load(context.Data);
            }
            catch (MissingDataException missing)
            {
                foreach (string id in new[] { "cells-beat-best-expert", "cells-error" }) findings.NotRun(id, missing.Message);
            }
        }

        // Maps this small run fastest on one thread.
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SeedRun.Of(train, test, cells, recipe, seed, !context.Without("gates"), progress);
            context.Progress.Say($"seed {seed}: errors on scenes: mixture {run.Scenes.Final:0.00}, best expert {run.Scenes.Best:0.00}, average {run.Scenes.Uniform:0.00} of {run.MeanCount:0.0}; rho {run.Scenes.FineAgainstRow:0.00}; cells {run.Cells?.Final ?? double.NaN:0.00}");
            return run;
        });
        if (runs.Count > 0) Describe(runs, findings);
    }

    private void Describe(IReadOnlyList<SeedRun> runs, Findings findings)
    {
        void Record(string id, Func<SeedRun, double> value) => findings.Record(id, runs.Select(value));
        static double Above(double rival, double ours) => 100 * (rival / ours - 1);
        Record("beats-best-expert", static r => Above(r.Scenes.Best, r.Scenes.Final));
        Record("beats-average", static r => Above(r.Scenes.Uniform, r.Scenes.Final));
        Record("fine-falls-with-row", static r => r.Scenes.FineAgainstRow);
        Record("targets-integrate", static r => r.Integration);
        Record("equal-weights-average", static r => r.UniformGap);
        Record("shuffled-rows", static r => r.Shuffled.FineAgainstRow);
        Record("one-weight-per-image", static r => Above(r.PerImage.Final, r.Scenes.Final));
        Record("relative-loss-is-small", static r => Above(r.Plain.Final, r.Scenes.Final));
        Record("counts-at-all", static r => 100 * r.Scenes.Final / r.MeanCount);
        bool cells = runs.All(static r => r.Cells is not null);
        if (cells)
        {
            Record("cells-beat-best-expert", static r => Above(r.Cells!.Best, r.Cells.Final));
            Record("cells-error", static r => r.Cells!.Final);
        }

        (string Name, IReadOnlyList<double> Values) Row(string name, Func<SeedRun, double> value) => (name, [.. runs.Select(value)]);
        var scenes = new[]
        {
            Row("mixture", static r => r.Scenes.Final), Row("experts' average", static r => r.Scenes.Uniform), Row("coarse expert", static r => r.Scenes.Experts[0]), Row("middle expert", static r => r.Scenes.Experts[1]),
            Row("fine expert", static r => r.Scenes.Experts[2]), Row("one weight per image", static r => r.PerImage.Final), Row("no relative loss", static r => r.Plain.Final), Row("sizes shuffled", static r => r.Shuffled.Final),
        };
        findings.Numbers["error_on_scenes"] = scenes.ToDictionary(static r => r.Name, static r => (object)r.Values.ToArray());
        findings.Numbers["mean_count"] = runs.Average(static r => r.MeanCount);
        double[] Rows(Func<SeedRun, CountScore> of) => [.. Enumerable.Range(0, of(runs[0]).FineByRow.Count).Select(row => runs.Average(r => of(r).FineByRow[row]))];
        double[] fine = Rows(static r => r.Scenes), shuffled = Rows(static r => r.Shuffled);
        findings.Numbers["fine_weight_by_row"] = fine;
        findings.Numbers["fine_weight_by_row_shuffled"] = shuffled;
        var sections = new List<(string, object[])>
        {
            ("Counting scenes", [IntervalChart.Draw(scenes, "mean absolute error, items an image", "Errors on scenes")]),
            ("Weight of the finest expert", [HtmlPage.Table(["row of the gate, from the top", "perspective", "sizes shuffled"], fine.Select((w, r) => (IReadOnlyList<string>)[$"{r + 1}", $"{w:0.000}", $"{shuffled[r]:0.000}"]))]),
        };
        if (cells)
        {
            var ofCells = new[]
            {
                Row("mixture", static r => r.Cells!.Final), Row("experts' average", static r => r.Cells!.Uniform), Row("coarse expert", static r => r.Cells!.Experts[0]), Row("middle expert", static r => r.Cells!.Experts[1]), Row("fine expert", static r => r.Cells!.Experts[2]),
            };
            findings.Numbers["error_on_cells"] = ofCells.ToDictionary(static r => r.Name, static r => (object)r.Values.ToArray());
            sections.Add(("Counting cells", [IntervalChart.Draw(ofCells, "mean absolute error, cells an image", "Errors on cells")]));
        }

        findings.Page = result => PaperPage.Of(result, $"{Paper}. {Data}.", sections);
    }
}
