using MoE.Samples.Digits;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>All models of one seed. The seed draws the split, the initial weights and the order of the images; every model sees the same split.</summary>
public sealed record SeedRun
{
    /// <summary>The mixture.</summary>
    public required MixtureRun Mixture { get; init; }

    /// <summary>The mixture without the load-balancing loss.</summary>
    public required MixtureRun Unbalanced { get; init; }

    /// <summary>The mixture with experts drawn at random instead of chosen.</summary>
    public required MixtureRun Random { get; init; }

    /// <summary>Accuracy of the dense network with the operations of the mixture, in percent.</summary>
    public required double EqualFlops { get; init; }

    /// <summary>Accuracy of the dense network with the parameters of the mixture, in percent.</summary>
    public required double EqualParameters { get; init; }

    /// <summary>The mixture in both engines.</summary>
    public required EngineCheck Engines { get; init; }

    /// <summary>Trains and measures.</summary>
    /// <param name="images">All images; a third is held out.</param>
    /// <param name="recipe">How to train.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="balanced">The mixture has the load-balancing loss.</param>
    /// <param name="learned">The mixture's router chooses.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static SeedRun Of(DigitImages images, Recipe recipe, long seed, bool balanced, bool learned, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        using var split = DigitSplit.Draw(images, parts: 3, seed);
        // Weights of the work in units of a dense network's.
        const double MixtureWork = 3, AllWork = 3 * MixtureWork + 2;
        double done = 0;
        EngineCheck? engines = null;
        var mixtures = new Dictionary<(bool, bool), MixtureRun>();

        var mixture = Mix(balanced, learned);
        var unbalanced = Mix(false, true);
        var random = Mix(true, false);
        double flops = Dense(DenseClassifier.WidthOfEqualFlops);
        double parameters = Dense(DenseClassifier.WidthOfEqualParameters);
        return new() { Mixture = mixture, Unbalanced = unbalanced, Random = random, EqualFlops = flops, EqualParameters = parameters, Engines = engines! };

        MixtureRun Mix(bool withLoss, bool withRouter)
        {
            if (!mixtures.TryGetValue((withLoss, withRouter), out var run))
            {
                using var trained = Tuning.Train(() => NewMixture(recipe, seed, withLoss, withRouter), split, recipe, seed, f => progress((done + MixtureWork * f) / AllWork));
                mixtures[(withLoss, withRouter)] = run = trained.Measure(split);
                engines ??= EngineCheck.Of(((MoEClassifier)trained.Model).Layer, split);
            }

            done += MixtureWork;
            return run;
        }

        double Dense(int width)
        {
            using var trained = Tuning.Train(() => DenseClassifier.Make(width), split, recipe, seed, f => progress((done + f) / AllWork));
            done++;
            return DigitTraining.Accuracy(trained.Model, split.TestImages, split.TestLabels);
        }
    }

    private static MoEClassifier NewMixture(Recipe recipe, long seed, bool withLoss, bool withRouter)
    {
        var random = new Random((int)(seed % int.MaxValue) ^ 0x5EED);
        return new(withLoss ? recipe.Balancing : 0) { GivenExperts = withRouter ? null : images => RandomExperts(random, images) };
    }

    // Different experts for every image, all choices equally likely.
    private static Tensor RandomExperts(Random random, long images)
    {
        var router = MoEClassifier.Spec.Router;
        long[] experts = [.. Enumerable.Range(0, router.Experts).Select(static e => (long)e)];
        var chosen = new long[images * router.TopK];
        for (int i = 0; i < chosen.Length; i += router.TopK)
        {
            random.Shuffle(experts);
            experts.AsSpan(0, router.TopK).CopyTo(chosen.AsSpan(i));
        }

        return tensor(chosen, images, router.TopK);
    }
}
