using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using TorchSharp;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>All of one seed.</summary>
/// <param name="Memorial">TaskExpert, or what is left of it under ablation.</param>
/// <param name="Shared">A decoder per task on the last tap, of equal parameters.</param>
/// <param name="Constant">TaskExpert with equal weights.</param>
/// <param name="Forgetful">TaskExpert without memory.</param>
/// <param name="Wider">A decoder per tap and task, of equal parameters.</param>
/// <param name="SizeGap">Largest difference of a rival's number of parameters, in percent of the whole TaskExpert.</param>
public sealed record SeedRun(DenseScore Memorial, DenseScore Shared, DenseScore Constant, DenseScore Forgetful, DenseScore Wider, double SizeGap)
{
    private const int Contenders = 5;

    /// <summary>Draws, trains and measures; every contender sees the same pictures in the same order.</summary>
    public static SeedRun Of(FashionMnist train, FashionMnist test, TaskExpertSample.Recipe recipe, long seed, bool learned, bool memory, Action<double> progress)
    {
        Mosaics set = Mosaics.Draw(train, recipe.TrainPictures, new Draws(seed, 1)), held = Mosaics.Draw(test, recipe.TestPictures, new Draws(seed, 2));
        int done = 0;
        DenseScore Run(Func<DenseModel> make)
        {
            torch.manual_seed(seed);
            using var model = make();
            DenseTraining.Train(model, set, recipe.Steps, seed, f => progress((done + f) / Contenders));
            done++;
            return DenseScore.Of(model, held);
        }

        using var whole = new MemorialModel(true, true);
        long size = whole.Size;
        int shared = StaticModel.WidthFor(false, size), wider = StaticModel.WidthFor(true, size);
        double Gap(bool everyTap, int width)
        {
            using var rival = new StaticModel(everyTap, width);
            return 100.0 * Math.Abs(rival.Size - size) / size;
        }

        return new(Run(() => new MemorialModel(learned, memory)), Run(() => new StaticModel(false, shared)), Run(() => new MemorialModel(false, memory)), Run(() => new MemorialModel(learned, false)),
            Run(() => new StaticModel(true, wider)), Math.Max(Gap(false, shared), Gap(true, wider)));
    }
}
