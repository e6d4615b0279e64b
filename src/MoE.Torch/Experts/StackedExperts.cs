using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Experts of one form with stacked weights: FFN (ReLU, GELU, SiLU) or GLU (SwiGLU, GEGLU, ReGLU). Parameters, all used as x W^T:
/// <c>gate</c>, <c>up</c> [E, F, D], <c>down</c> [E, D, F], and with biases <c>gate_bias</c>, <c>up_bias</c> [E, F], <c>down_bias</c> [E, D].
/// </summary>
public sealed class StackedExperts : ExpertBank
{
    private readonly Parameter? gate;
    private readonly Parameter up;
    private readonly Parameter down;
    private readonly Parameter? gate_bias;
    private readonly Parameter? up_bias;
    private readonly Parameter? down_bias;
    private readonly Parameter? constant_value;
    private readonly Parameter? constant_mix;
    private readonly ManagedExperts _managed;

    /// <summary>Makes experts; every weight is drawn as a linear layer's, biases are zero.</summary>
    /// <param name="spec">The form.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <param name="special">The last experts that are no feed-forward networks; null: none.</param>
    public StackedExperts(ExpertSpec spec, int experts, int width, ScalarType? dtype = null, Device? device = null, Generator? generator = null, SpecialExperts? special = null)
        : base(nameof(StackedExperts), experts)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(spec.Width, nameof(spec));
        Spec = spec;
        Special = special ?? new SpecialExperts();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts - Special.Count, nameof(special));
        Width = width;
        _managed = new ManagedExperts(spec, width);
        long e = experts - Special.Count, d = width, f = spec.Width;
        if (spec.Form == ExpertForm.Glu) gate = Initial.Linear([e, f, d], d, dtype, device, generator);
        up = Initial.Linear([e, f, d], d, dtype, device, generator);
        down = Initial.Linear([e, d, f], f, dtype, device, generator);
        if (spec.Biases)
        {
            if (spec.Form == ExpertForm.Glu) gate_bias = Initial.Zeros([e, f], dtype, device);
            up_bias = Initial.Zeros([e, f], dtype, device);
            down_bias = Initial.Zeros([e, d], dtype, device);
        }

        if (Special.Constant > 0)
        {
            constant_value = Initial.Linear([Special.Constant, width], width, dtype, device, generator);
            constant_mix = Initial.Linear([Special.Constant, 2, width], width, dtype, device, generator);
        }

        RegisterComponents();
    }

    /// <summary>The last experts that are no feed-forward networks.</summary>
    public SpecialExperts Special { get; }

    /// <summary>The form.</summary>
    public ExpertSpec Spec { get; }

    /// <summary>D.</summary>
    public int Width { get; }

    /// <summary>
    /// Single precision on the CPU runs on the managed kernels, forward and backward (<see cref="ExpertTraining"/>), which the composition of torch operations is the reference of; false: always the composition. Special experts,
    /// other types and other devices use the composition in any case, and so do calls without gradients that give an expert fewer than four rows. Gradients of gradients come from the composition too.
    /// </summary>
    public bool ManagedKernels { get; set; } = true;

    /// <summary>What adapters make of a weight of a name; null where none act. Changed weights use the composition of torch operations.</summary>
    internal Func<string, Tensor, Tensor>? Adapted { get; set; }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The rows have another width, number or type than the parameters and segments say.</exception>
    public override Tensor forward(Tensor rows_RD, ExpertSegments segments)
    {
        TensorGuard.Matrix(rows_RD, Width, "rows");
        TensorGuard.SameType(rows_RD, up, "rows");
        CheckSegments(rows_RD, segments);
        if (Managed(rows_RD) && Managed(rows_RD, null, HostRoutes.Of(segments)) is { } managed_RD) return managed_RD;
        using var scope = NewDisposeScope();
        var (gates, ups, downs) = (Each(Changed(nameof(gate), gate)), Each(Changed(nameof(up), up)), Each(Changed(nameof(down), down)));
        var (gateBiases, upBiases, downBiases) = (Each(gate_bias), Each(up_bias), Each(down_bias));
        var parts = new List<Tensor>();
        for (int e = 0; e < Experts; e++)
        {
            if (segments.Count(e) == 0) continue;
            var x = rows_RD.narrow(0, segments.Offset(e), segments.Count(e));
            if (e >= Experts - Special.Count)
            {
                parts.Add(Simple(x, e - (Experts - Special.Count)));
                continue;
            }

            parts.Add(FeedForward.Forward(Spec, x, gates(e), ups(e)!, downs(e)!, gateBiases(e), upBiases(e), downBiases(e)));
        }

        // No rows at all: still a function of the input, so that a backward pass finds its way.
        var rows = parts.Count == 0 ? rows_RD.alias() : cat(parts, 0);
        return rows.MoveToOuterDisposeScope();
    }

    /// <summary>The whole of a layer's mixing on the managed kernels, or null where they do not serve: sum over the kept routes of weight times expert, [T, D].</summary>
    internal Tensor? Mixed(Tensor tokens_TD, RoutingTensors routing)
    {
        if (!Managed(tokens_TD) || !TensorMemory.Is(routing.Weights)) return null;
        TensorGuard.Matrix(tokens_TD, Width, "rows");
        return Managed(tokens_TD, routing.Weights, HostRoutes.Of(routing));
    }

    /// <summary>Sequences through one expert each, whose parameters are the mean of all with these weights: [B, N, D] and [B, E] to [B, N, D].</summary>
    internal Tensor Merged(Tensor x_BND, Tensor weights_BE)
    {
        using var scope = NewDisposeScope();
        var (gates, ups, downs) = (Mean(Changed(nameof(gate), gate)), Mean(Changed(nameof(up), up)), Mean(Changed(nameof(down), down)));
        var (gateBiases, upBiases, downBiases) = (Mean(gate_bias), Mean(up_bias), Mean(down_bias));
        var outputs = new List<Tensor>();
        for (int b = 0; b < x_BND.shape[0]; b++)
            outputs.Add(FeedForward.Forward(Spec, x_BND[b], gates?[b], ups![b], downs![b], gateBiases?[b], upBiases?[b], downBiases?[b]));
        return (outputs.Count == 0 ? x_BND.alias() : stack(outputs)).MoveToOuterDisposeScope();

        Tensor[]? Mean(Tensor? stacked) => stacked is null ? null : weights_BE.mm(stacked.flatten(1)).view([weights_BE.shape[0], .. stacked.shape[1..]]).unbind();
    }

    private Tensor? Changed(string name, Parameter? weight) => weight is null || Adapted is null ? weight : Adapted(name, weight);

    private bool Managed(Tensor x) => Adapted is null && ManagedKernels && Special.Count == 0 && TensorMemory.Is(x) && TensorMemory.Is(up);

    private Tensor? Managed(Tensor x, Tensor? weights, HostRoutes routes) =>
        ManagedExperts.Pays(routes) ? _managed.Run(x, weights, routes, [gate, up, down, gate_bias, up_bias, down_bias]) : null;

    private Tensor Simple(Tensor x, int expert)
    {
        if (expert >= Special.Constant + Special.Copy) return zeros_like(x);
        if (expert >= Special.Constant) return x;
        var mix = nn.functional.linear(x, constant_mix![expert]).softmax(-1);
        return mix.narrow(1, 0, 1).mul(x).add(mix.narrow(1, 1, 1).mul(constant_value![expert]));
    }

    // With gradients, unbound once: the gradient of a stacked weight is then one stack, not a full-size tensor per expert. Without, only what is used.
    private static Func<int, Tensor?> Each(Tensor? stacked)
    {
        if (stacked is null) return static _ => null;
        if (!is_grad_enabled()) return e => stacked[e];
        Tensor[] parts = stacked.unbind();
        return e => parts[e];
    }
}
