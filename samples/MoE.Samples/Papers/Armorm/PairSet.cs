using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Armorm;

/// <summary>Pairs as tensors: the prompt and how much better the preferred response is on each objective.</summary>
public sealed class PairSet : IDisposable
{
    /// <summary>Takes the pairs of one side of the split.</summary>
    /// <param name="data">The data.</param>
    /// <param name="rewards">J per response: what is weighed.</param>
    /// <param name="train">Which side.</param>
    public PairSet(RewardData data, double[][] rewards, bool train)
    {
        var pairs = data.Pairs.Where(p => data.Train[p.Chosen] == train).ToList();
        Count = pairs.Count;
        Kinds = [.. pairs.Select(p => data.Kinds[p.Chosen])];
        float[] differences = [.. pairs.SelectMany(p => rewards[p.Chosen].Zip(rewards[p.Rejected], static (a, b) => (float)(a - b)))];
        float[] prompts = [.. pairs.SelectMany(p => data.Prompts[p.Chosen].Select(static v => (float)v))];
        Differences = tensor(differences, Count, data.Objectives.Count);
        Prompts = tensor(prompts, Count, data.Prompts[0].Length);
    }

    /// <summary>Number of pairs.</summary>
    public int Count { get; }

    /// <summary>The kind of each pair's prompt.</summary>
    public string[] Kinds { get; }

    /// <summary>[pairs, J].</summary>
    public Tensor Differences { get; }

    /// <summary>[pairs, width].</summary>
    public Tensor Prompts { get; }

    /// <summary>Pairs whose preferred response scores higher under weights [pairs, J] or [1, J], in percent: the mean over kinds, each the mean of its pairs; a tie counts half.</summary>
    public double Accuracy(Tensor weights)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        float[] leads = (weights * Differences).sum(1).data<float>().ToArray();
        return 100 * Enumerable.Range(0, Count).GroupBy(i => Kinds[i]).Average(kind => kind.Average(i => leads[i] > 0 ? 1 : leads[i] == 0 ? 0.5 : 0));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Differences.Dispose();
        Prompts.Dispose();
    }
}
