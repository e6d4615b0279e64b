using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Weights in and out of a layer by the neutral names.</summary>
public static class LayerWeightTransfer
{
    /// <summary>Copies weights into a layer, converting to the layer's type and device.</summary>
    /// <param name="layer">A layer made from a spec.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/> for the spec.</param>
    /// <exception cref="ArgumentException">The layer has no spec, or tensors are missing or misshapen; all of them are named, and nothing is copied.</exception>
    public static void load_weights(this MoELayer layer, IWeightSource weights)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(weights);
        var names = Names(layer);
        var problems = new List<string>();
        foreach (var (name, shape) in names)
        {
            if (!weights.TryGet(name, out var tensor)) problems.Add($"{name} is missing; must be [{string.Join(", ", shape)}]");
            else if (!tensor.Shape.SequenceEqual(shape)) problems.Add($"{name} has shape [{string.Join(", ", tensor.Shape.ToArray())}]; must be [{string.Join(", ", shape)}]");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(weights));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var state = layer.state_dict();
        foreach (var (name, shape) in names)
        {
            weights.TryGet(name, out var tensor);
            state[name].copy_(torch.tensor(tensor.ToSingles(), Array.ConvertAll(shape, static d => (long)d)));
        }
    }

    /// <summary>The weights of a layer in host memory, in single precision.</summary>
    /// <param name="layer">A layer made from a spec.</param>
    /// <exception cref="ArgumentException">The layer has no spec.</exception>
    public static WeightDictionary export_weights(this MoELayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var weights = new WeightDictionary();
        var state = layer.state_dict();
        foreach (var (name, shape) in Names(layer)) weights.Add(name, HostReads.Single(state[name]), shape);
        return weights;
    }

    private static IReadOnlyList<(string Name, int[] Shape)> Names(MoELayer layer) =>
        WeightNames.Of(layer.Spec ?? throw new ArgumentException("the layer was made from parts; only one made from a spec has neutral names", nameof(layer)));
}
