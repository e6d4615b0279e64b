using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Hmode;

/// <summary>All of one seed.</summary>
/// <param name="Scenes">On scenes with perspective.</param>
/// <param name="PerImage">There, with one weight per image.</param>
/// <param name="Plain">There, without relative local counts.</param>
/// <param name="Shuffled">On scenes whose sizes do not depend on the row.</param>
/// <param name="Cells">On cells; null: they are not there.</param>
/// <param name="Integration">Largest error of an integrated target, in things counted.</param>
/// <param name="UniformGap">Largest difference, in pixels of the final map, of equal weights from the experts' average.</param>
/// <param name="MeanCount">Mean count of a test scene.</param>
public sealed record SeedRun(CountScore Scenes, CountScore PerImage, CountScore Plain, CountScore Shuffled, CountScore? Cells, double Integration, double UniformGap, double MeanCount)
{
    private const int Batch = 12;

    /// <summary>Draws, trains and measures.</summary>
    public static SeedRun Of(FashionMnist train, FashionMnist test, VggCells? cells, HmodeSample.Recipe recipe, long seed, bool gates, Action<double> progress)
    {
        CountingSet Draw(FashionMnist items, int count, bool perspective, int label) => PerspectiveScenes.Draw(items, count, perspective, new Draws(seed, label));
        CountingSet scenes = Draw(train, recipe.TrainScenes, true, 1), held = Draw(test, recipe.TestScenes, true, 2);
        CountingSet mixed = Draw(train, recipe.TrainScenes, false, 3), heldMixed = Draw(test, recipe.TestScenes, false, 4);
        int parts = cells is null ? 4 : 5, done = 0;
        CountScore Run(GateForm form, bool withRelative, CountingSet set, CountingSet on, int steps)
        {
            using var model = CountTraining.Train(gates ? form : GateForm.Uniform, withRelative, set, steps, Batch, seed, f => progress((done + f) / parts));
            done++;
            return CountScore.Of(model, on);
        }

        var full = Run(GateForm.Pixel, true, scenes, held, recipe.Steps);
        var image = Run(GateForm.Image, true, scenes, held, recipe.Steps);
        var plain = Run(GateForm.Pixel, false, scenes, held, recipe.Steps);
        var shuffled = Run(GateForm.Pixel, true, mixed, heldMixed, recipe.Steps);
        CountScore? ofCells = null;
        if (cells is not null)
        {
            int half = cells.Count / 2;
            ofCells = Run(GateForm.Pixel, true, CountingSet.Of(cells, 0, half), CountingSet.Of(cells, half, Math.Min(recipe.TestCells, cells.Count - half)), recipe.CellSteps);
        }

        return new(full, image, plain, shuffled, ofCells, new[] { scenes, held, mixed, heldMixed }.Max(static s => s.IntegrationError), Gap(held, seed), held.Counts.Average());
    }

    // With equal weights both levels together are the mean of the three experts.
    private static double Gap(CountingSet set, long seed)
    {
        using var guard = TorchSharp.torch.no_grad();
        using var scope = TorchSharp.torch.NewDisposeScope();
        TorchSharp.torch.manual_seed(seed);
        using var model = new DensityModel(GateForm.Uniform);
        var maps = model.predict(TorchSharp.torch.tensor(set.Images[..(set.Side * set.Side)]).view(1, 1, set.Side, set.Side));
        return maps.Final.sub(maps.Experts.mean([1], keepdim: true)).abs().max().item<float>();
    }
}
