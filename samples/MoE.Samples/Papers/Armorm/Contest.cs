using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Armorm;

/// <summary>Both stages on one set of data. Accuracies are of held-out pairs in percent, averaged over kinds.</summary>
public sealed record Contest
{
    /// <summary>The gate.</summary>
    public required double Gated { get; init; }

    /// <summary>The best single weight vector.</summary>
    public required double Fixed { get; init; }

    /// <summary>The plain sum of objectives.</summary>
    public required double Uniform { get; init; }

    /// <summary>The trained gate with the released script's softmax over the pair.</summary>
    public required double Released { get; init; }

    /// <summary>How far that script's weights are from one half.</summary>
    public required double ReleasedSpread { get; init; }

    /// <summary>How far the gate's weights are from summing to s.</summary>
    public required double SumError { get; init; }

    /// <summary>Mean distance in total variation between the weights of a prompt and the mean weights.</summary>
    public required double Difference { get; init; }

    /// <summary>Largest rank correlation with verbosity, in size, of an objective on the reference set; after debiasing.</summary>
    public required double Debiased { get; init; }

    /// <summary>The same without taking its size: what the search bounds.</summary>
    public required double DebiasedSigned { get; init; }

    /// <summary>The same before debiasing, in size.</summary>
    public required double Biased { get; init; }

    /// <summary>Kinds whose heaviest objective is the one that decides there, in percent; NaN where that is not known.</summary>
    public required double TopRight { get; init; }

    /// <summary>The mean weight of each objective by kind.</summary>
    public required IReadOnlyDictionary<string, double[]> Weights { get; init; }

    /// <summary>Runs both stages.</summary>
    /// <param name="data">The data.</param>
    /// <param name="recipe">How much work.</param>
    /// <param name="seed">Draws weights and batches.</param>
    /// <param name="options">What is left out.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static Contest Of(RewardData data, ArmormSample.Recipe recipe, long seed, (bool Gate, bool Debias) options, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        var random = new Random((int)(seed % int.MaxValue));
        double[][] raw = ObjectiveRidge.Rewards(data, random);
        double[][] reference = [.. raw.Where((_, i) => data.Train[i])];
        var debiasing = options.Debias ? Debiasing.Fit(reference, data.Verbosity) : new Debiasing(new double[raw[0].Length], data.Verbosity);
        double[][] rewards = debiasing.Apply(raw);
        double[] left = debiasing.Correlations(debiasing.Apply(reference), reference), before = debiasing.Correlations(reference, reference);

        using PairSet train = new(data, rewards, train: true), test = new(data, rewards, train: false);
        int objectives = data.Objectives.Count;
        using var gate = new ObjectiveGate(data.Prompts[0].Length, recipe.Hidden, objectives);
        PairTraining.Train(gate, train, recipe.Steps, recipe.Batch, random, f => progress(0.7 * f));
        using var single = PairTraining.Fixed(train, recipe.Steps, recipe.Batch, random, f => progress(0.7 + 0.3 * f));

        using var guard = no_grad();
        var uniform = full([1, objectives], 1.0, dtype: ScalarType.Float32);
        var weights = options.Gate ? gate.call(test.Prompts) : uniform.expand(test.Count, objectives) * (gate.Scale / objectives);
        var released = gate.released(test.Prompts);
        var byKind = test.Kinds.Distinct().Order(StringComparer.Ordinal).ToDictionary(static k => k, k =>
            weights.index_select(0, tensor(Enumerable.Range(0, test.Count).Where(i => test.Kinds[i] == k).Select(static i => (long)i).ToArray())).mean([0L]).data<float>().ToArray().Select(static w => (double)w).ToArray());
        var shares = weights / weights.sum(1, keepdim: true);
        return new()
        {
            Gated = test.Accuracy(weights),
            Fixed = test.Accuracy(single),
            Uniform = test.Accuracy(uniform),
            Released = test.Accuracy(released.select(1, 0)),
            ReleasedSpread = (released - 0.5).abs().max().item<float>(),
            SumError = ((weights.sum(1) - gate.Scale).abs().max() / gate.Scale).item<float>(),
            Difference = (shares - shares.mean([0L], keepdim: true)).abs().sum(1).mean().item<float>() / 2,
            Debiased = left.Max(Math.Abs),
            DebiasedSigned = left.Max(),
            Biased = before.Max(Math.Abs),
            TopRight = data.Deciding.Count == 0 ? double.NaN : 100 * data.Deciding.Average(d => Array.IndexOf(byKind[d.Key], byKind[d.Key].Max()) == d.Value ? 1.0 : 0),
            Weights = byKind,
        };
    }
}
