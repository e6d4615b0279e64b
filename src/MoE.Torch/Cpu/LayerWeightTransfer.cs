using MoE.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
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

    /// <summary>Copies a checkpoint's layer into a layer, expert by expert: nothing but the layer itself is held whole.</summary>
    /// <param name="layer">A layer made from a spec, new or to be overwritten.</param>
    /// <param name="weights">A layer of a checkpoint that is open.</param>
    /// <param name="progress">Told the share that is copied, 0..1.</param>
    /// <param name="cancellation">Looked at before each expert; some are then copied and some are not.</param>
    /// <exception cref="ArgumentException">The layer has no spec, or tensors are missing or misshapen; all of them are named, and nothing is copied.</exception>
    /// <exception cref="InvalidDataException">Numbers are not finite; the tensors are named. Some weights may be copied.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void load_weights(this MoELayer layer, CheckpointLayer weights, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(weights);
        var names = Names(layer);
        var theirs = WeightNames.Of(weights.Spec).Where(n => weights.Names.Contains(n.Name)).ToDictionary(static n => n.Name, static n => n.Shape);
        var problems = new List<string>();
        foreach (var (name, shape) in names)
        {
            if (!theirs.TryGetValue(name, out int[]? found)) problems.Add($"{name} is missing; must be [{string.Join(", ", shape)}]");
            else if (!found.SequenceEqual(shape)) problems.Add($"{name} has shape [{string.Join(", ", found)}]; must be [{string.Join(", ", shape)}]");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(weights));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var state = layer.state_dict();
        double all = names.Sum(static n => Numbers(n.Shape)), done = 0;
        foreach (var (name, shape) in names)
        {
            bool stacked = name.StartsWith("experts.", StringComparison.Ordinal);
            var share = new float[Numbers(shape) / (stacked ? shape[0] : 1)];
            long[] dimensions = Array.ConvertAll(stacked ? shape[1..] : shape, static d => (long)d);
            for (int e = 0; e < (stacked ? shape[0] : 1); e++)
            {
                cancellation.ThrowIfCancellationRequested();
                weights.Read(name, e, share);
                using var expert = NewDisposeScope();
                var target = stacked ? state[name].select(0, e) : state[name];
                target.copy_(torch.tensor(share, dimensions));
                progress?.Report((done += share.Length) / all);
            }
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

    /// <summary>A dense feed-forward block's weights in host memory, to be upcycled (<see cref="Upcycling.Convert"/>).</summary>
    /// <param name="gate">The gate projection [F, D] of a GLU, or null.</param>
    /// <param name="up">The first projection, [F, D].</param>
    /// <param name="down">The second, [D, F].</param>
    /// <returns>The tensors of <see cref="WeightNames.OfDense"/>, biases where the projections have them.</returns>
    /// <exception cref="ArgumentException">Shapes do not fit, or some projections have a bias and others do not; all problems are named.</exception>
    public static WeightDictionary dense_weights(Linear? gate, Linear up, Linear down)
    {
        ArgumentNullException.ThrowIfNull(up);
        ArgumentNullException.ThrowIfNull(down);
        long f = up.weight.shape[0], d = up.weight.shape[1];
        var problems = new List<string>();
        if (gate is not null && (gate.weight.shape[0] != f || gate.weight.shape[1] != d)) problems.Add($"gate has shape [{string.Join(", ", gate.weight.shape)}]; must be [{f}, {d}]");
        if (down.weight.shape[0] != d || down.weight.shape[1] != f) problems.Add($"down has shape [{string.Join(", ", down.weight.shape)}]; must be [{d}, {f}]");
        bool biases = up.bias is not null;
        if ((down.bias is not null) != biases || (gate is not null && (gate.bias is not null) != biases)) problems.Add("some projections have a bias and others do not; all must or none");
        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(up));
        using var scope = NewDisposeScope();
        var weights = new WeightDictionary();
        void Add(string name, Tensor? tensor)
        {
            if (tensor is not null) weights.Add(name, HostReads.Single(tensor), Array.ConvertAll(tensor.shape, static s => checked((int)s)));
        }

        Add(WeightNames.DenseGate, gate?.weight);
        Add(WeightNames.DenseUp, up.weight);
        Add(WeightNames.DenseDown, down.weight);
        Add(WeightNames.DenseGateBias, gate?.bias);
        Add(WeightNames.DenseUpBias, up.bias);
        Add(WeightNames.DenseDownBias, down.bias);
        return weights;
    }

    private static IReadOnlyList<(string Name, int[] Shape)> Names(MoELayer layer) =>
        WeightNames.Of(layer.Spec ?? throw new ArgumentException("the layer was made from parts; only one made from a spec has neutral names", nameof(layer)));

    private static long Numbers(int[] shape) => shape.Aggregate(1L, static (n, d) => n * d);
}
