using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Stacked experts on the managed kernels: one autograd node for gather, products, activation, weighted sum. One per bank.</summary>
internal sealed class ManagedExperts
{
    private readonly Lock _lock = new();
    private List<Tensor> _returned = [];
    private Exception? _failure;

    /// <param name="spec">The experts' form.</param>
    /// <param name="width">D.</param>
    public ManagedExperts(ExpertSpec spec, int width)
    {
        Spec = spec;
        Width = width;
    }

    public ExpertSpec Spec { get; }

    public int Width { get; }

    /// <summary>Whether the kernels run these rows faster than libtorch does.</summary>
    public static bool Pays(HostRoutes routes) => is_grad_enabled() || routes.Offsets[^1] >= LeastRows * (long)routes.Busy;

    // Without gradients and with few rows per expert, packing a weight costs more than reading it: libtorch's matrix-vector product is the faster one.
    private const int LeastRows = 4;

    /// <summary>y[t] = sum of weights times experts; without weights and routes, row by row.</summary>
    /// <param name="x">[T, D].</param>
    /// <param name="weights">[T, K] single precision, or null: 1.</param>
    /// <param name="routes">By expert.</param>
    /// <param name="parameters">gate, up, down, and their biases; null for what is not there.</param>
    /// <returns>[T, D]; belongs to the caller.</returns>
    /// <exception cref="InvalidOperationException">An earlier backward pass failed.</exception>
    public Tensor Run(Tensor x, Tensor? weights, HostRoutes routes, ReadOnlySpan<Tensor?> parameters)
    {
        if (Interlocked.Exchange(ref _failure, null) is { } failure)
            throw new InvalidOperationException($"the last backward pass through these experts failed, and its gradients are NaN: {failure.Message}", failure);
        using var scope = NewDisposeScope();
        // Flat views: what comes back through a view is a tensor of its own, which the parameter takes over instead of copying it.
        object?[] arguments = [this, routes, x.contiguous(), weights?.contiguous(), parameters[0]?.view(-1), parameters[1]!.view(-1), parameters[2]!.view(-1), parameters[3]?.view(-1), parameters[4]?.view(-1), parameters[5]?.view(-1)];
        return ManagedExpertsFunction.apply(arguments!).MoveToOuterDisposeScope();
    }

    /// <summary>The same function of the same tensors by torch operations.</summary>
    /// <param name="inputs">x, weights, gate, up, down, gate bias, up bias, down bias; the last six flat.</param>
    /// <param name="routes">By expert.</param>
    public Tensor Composition(Tensor?[] inputs, HostRoutes routes)
    {
        long d = Width, f = Spec.Width, experts = routes.Offsets.Length - 1;
        var x = inputs[0]!;
        bool gathers = routes.Tokens.Length > 0;
        var tokens = tensor(Array.ConvertAll(routes.Tokens, static t => (long)t));
        var rows = gathers ? x.index_select(0, tokens) : x;
        Tensor? Part(int input, int expert, params long[] shape) => inputs[input]?.view([experts, .. shape])[expert];
        var parts = new List<Tensor>();
        for (int e = 0; e < experts; e++)
        {
            int count = routes.Offsets[e + 1] - routes.Offsets[e];
            if (count > 0) parts.Add(FeedForward.Forward(Spec, rows.narrow(0, routes.Offsets[e], count), Part(2, e, f, d), Part(3, e, f, d)!, Part(4, e, d, f)!, Part(5, e, f), Part(6, e, f), Part(7, e, d)));
        }

        if (parts.Count == 0) return x.mul(0);
        var y = cat(parts, 0);
        if (inputs[1] is { } weights) y = y.mul(weights.flatten().index_select(0, tensor(Array.ConvertAll(routes.Routes, static r => (long)r))).unsqueeze(1));
        return gathers ? zeros_like(x).index_add(0, tokens, y, 1) : y;
    }

    /// <summary>Gradients that were given to libtorch, which holds them by now: those of the time before are let go.</summary>
    public void Returned(List<Tensor> gradients)
    {
        lock (_lock)
        {
            foreach (var tensor in _returned) tensor.Dispose();
            _returned = gradients;
        }
    }

    /// <summary>A backward pass must not throw: what it would have thrown is told by the next forward pass.</summary>
    public void Failed(Exception exception) => Interlocked.CompareExchange(ref _failure, exception, null);
}
