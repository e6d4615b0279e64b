using MoE.Checkpoints;

namespace MoE.Samples.Inspecting;

/// <summary>What can be said about a mixture-of-experts layer of a checkpoint.</summary>
/// <param name="Layer">Its number.</param>
/// <param name="Spec">Its specification.</param>
/// <param name="Form">How it is stored.</param>
/// <param name="Types">The types of its tensors, the one with the most bytes first.</param>
/// <param name="Bytes">Bytes of its tensors.</param>
/// <param name="Norms">Euclidean norms of the router's rows: smallest, mean, largest.</param>
public sealed record LayerFacts(int Layer, MoELayerSpec Spec, string Form, IReadOnlyList<SafetensorsType> Types, long Bytes, (double Low, double Mean, double High) Norms)
{
    /// <summary>Parameters of the layer.</summary>
    public long Parameters => Count(static (n, _) => n);

    /// <summary>Parameters that a token uses: the router, k of the experts, the shared expert.</summary>
    public long Active => Count((n, stacked) => stacked ? n / Spec.FeedForwardExperts * Math.Min(Spec.Router.TopK, Spec.FeedForwardExperts) : n);

    /// <summary>Looks at a layer. Only its router is read.</summary>
    public static LayerFacts Of(HuggingFaceCheckpoint model, int layer)
    {
        var weights = model.Layer(layer);
        var types = weights.Tensors.GroupBy(static t => t.Type).OrderByDescending(static g => g.Sum(static t => t.Length)).Select(static g => g.Key);
        var router = new float[weights.Spec.Router.Experts * weights.Spec.Width];
        weights.Read(WeightNames.Router, 0, router);
        double[] norms = [.. router.Chunk(weights.Spec.Width).Select(static row => Math.Sqrt(row.Sum(static v => (double)v * v)))];
        return new(layer, weights.Spec, weights.Form, [.. types], weights.Tensors.Sum(static t => t.Length), (norms.Min(), norms.Average(), norms.Max()));
    }

    private long Count(Func<long, bool, long> weigh) => WeightNames.Of(Spec).Sum(n => weigh(n.Shape.Aggregate(1L, static (a, b) => a * b), n.Name.StartsWith("experts.", StringComparison.Ordinal)));
}
