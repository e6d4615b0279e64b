using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>A model on questions.</summary>
/// <param name="F1">Overlap of predicted and true span in words, mean over tasks, in percent.</param>
/// <param name="Balance">Load of the busiest expert over the mean load, the worst mixture of the model; NaN without one.</param>
/// <param name="Overfull">Most routes that an expert kept in a sequence beyond its capacity; zero where none is over.</param>
/// <param name="Logits">All finite logits, for comparisons.</param>
public sealed record Evaluation(double F1, double Balance, double Overfull, float[] Logits)
{
    private const int Batch = 100;

    /// <summary>Evaluates.</summary>
    public static Evaluation Of(SpanModel model, SpanSet set)
    {
        using var guard = no_grad();
        model.eval();
        var scores = new double[set.Count];
        var loads = new Dictionary<int, double[]>();
        var logits = new List<float>();
        double overfull = 0;
        for (int from = 0; from < set.Count; from += Batch)
        {
            using var scope = NewDisposeScope();
            int count = Math.Min(Batch, set.Count - from);
            var spans = model.logits(set.Words.narrow(0, from, count));
            long[] best = spans.argmax(-1).data<long>().ToArray();
            logits.AddRange(spans.contiguous().data<float>().ToArray().Where(float.IsFinite));
            for (int i = 0; i < count; i++)
            {
                long start = best[i], end = Math.Max(best[i], best[count + i]), answer = set.Places[from + i];
                // One word is right: recall is one or zero, precision one over the length.
                scores[from + i] = answer >= start && answer <= end ? 2.0 / (end - start + 2) : 0;
            }

            for (int m = 0; m < model.Results.Count; m++)
            {
                var routing = model.Results[m].Routing;
                double[] load = [.. routing.Load().data<long>().ToArray().Select(static l => (double)l)];
                loads[m] = loads.TryGetValue(m, out double[]? sum) ? [.. sum.Zip(load, static (a, b) => a + b)] : load;
                if (routing.Capacity is { } capacity) overfull = Math.Max(overfull, Kept(routing, count).Max() - capacity);
            }
        }

        double f1 = 100 * Enumerable.Range(0, set.Count).GroupBy(i => set.Tasks[i]).Average(task => task.Average(i => scores[i]));
        return new(f1, loads.Count == 0 ? double.NaN : loads.Values.Max(static l => l.Max() / l.Average()), overfull, [.. logits]);
    }

    // Routes kept per sequence and expert.
    private static double[] Kept(RoutingTensors routing, int sequences)
    {
        long[] experts = routing.ExpertIds.contiguous().data<long>().ToArray();
        bool[]? kept = routing.Kept?.contiguous().data<bool>().ToArray();
        var counts = new double[sequences * SpanModel.Experts];
        int perSequence = experts.Length / sequences;
        for (int r = 0; r < experts.Length; r++)
        {
            if (experts[r] >= 0 && kept?[r] != false) counts[r / perSequence * SpanModel.Experts + experts[r]]++;
        }

        return counts;
    }
}
