using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A mixture whose experts are adapters on one frozen gated feed-forward network (MixLoRA, Li et al. 2024): the base gate and up projections are computed once per token, each expert adds its low-rank updates before the
/// activation and to the down projection. Modules <c>router</c>, <c>gate_proj</c>, <c>up_proj</c>, <c>down_proj</c>; adapters <c>gate_lora</c>, <c>up_lora</c>, <c>down_lora</c>, named by the expert's number.
/// </summary>
public sealed class MixLoraLayer : nn.Module<Tensor, Tensor>
{
    private readonly TorchGate router;
    private readonly Linear gate_proj;
    private readonly Linear up_proj;
    private readonly Linear down_proj;
    private readonly LinearLoraBank? gate_lora;
    private readonly LinearLoraBank? up_lora;
    private readonly LinearLoraBank? down_lora;

    /// <summary>Makes a layer. The base projections are frozen and owned by the layer, as is the router.</summary>
    /// <param name="router">Sends tokens to experts; MixLoRA's own is <c>new TopKGate(RouterProfiles.Mixtral(experts, k), width)</c>.</param>
    /// <param name="gateProjection">[F, D].</param>
    /// <param name="upProjection">[F, D].</param>
    /// <param name="downProjection">[D, F].</param>
    /// <param name="adapter">The form of every adapter; without a magnitude.</param>
    /// <param name="on">Which projections carry adapters, at least one.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="ArgumentException">The projections do not fit together, none is adapted, or the adapter has a magnitude.</exception>
    public MixLoraLayer(TorchGate router, Linear gateProjection, Linear upProjection, Linear downProjection, LoraSpec adapter, GluProjections on = GluProjections.All, Generator? generator = null)
        : base(nameof(MixLoraLayer))
    {
        ArgumentNullException.ThrowIfNull(router);
        ArgumentNullException.ThrowIfNull(gateProjection);
        ArgumentNullException.ThrowIfNull(upProjection);
        ArgumentNullException.ThrowIfNull(downProjection);
        ArgumentNullException.ThrowIfNull(adapter);
        if (!gateProjection.weight.shape.SequenceEqual(upProjection.weight.shape) || !downProjection.weight.shape.Reverse().SequenceEqual(upProjection.weight.shape))
            throw new ArgumentException($"the projections have shapes {TensorGuard.Shape(gateProjection.weight)}, {TensorGuard.Shape(upProjection.weight)} and {TensorGuard.Shape(downProjection.weight)}; must be [F, D], [F, D] and [D, F]", nameof(downProjection));
        if (on == 0 || (on & ~GluProjections.All) != 0) throw new ArgumentOutOfRangeException(nameof(on), on, $"must be one or more of {GluProjections.All}");
        if (adapter.Magnitude) throw new ArgumentException("adapters of a mixture have no magnitude", nameof(adapter));
        this.router = router;
        gate_proj = gateProjection;
        up_proj = upProjection;
        down_proj = downProjection;
        foreach (var parameter in new[] { gate_proj, up_proj, down_proj }.SelectMany(static l => l.parameters())) parameter.requires_grad = false;
        LinearLoraBank? Bank(GluProjections projection, Linear layer)
        {
            if (!on.HasFlag(projection)) return null;
            var bank = new LinearLoraBank(layer);
            for (int e = 0; e < router.Experts; e++) bank.Add(Name(e), adapter, generator);
            return bank;
        }

        gate_lora = Bank(GluProjections.Gate, gate_proj);
        up_lora = Bank(GluProjections.Up, up_proj);
        down_lora = Bank(GluProjections.Down, down_proj);
        RegisterComponents();
    }

    /// <summary>The gate.</summary>
    public TorchGate Router => router;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[..., D].</param>
    /// <param name="context">Masks and noise; null: none.</param>
    /// <exception cref="ArgumentException">The width is wrong, or a logit cannot be routed.</exception>
    public MoEResult route(Tensor x, GateContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        long width = up_proj.weight.shape[1];
        TensorGuard.LastDimension(x, width, nameof(x));
        using var scope = NewDisposeScope();
        var tokens_TD = x.reshape(x.numel() / width, width);
        var routing = router.call(tokens_TD, context ?? GateContext.Empty);
        var (order_N, counts_E) = Dispatching.ByExpert(routing);
        var segments = new ExpertSegments(HostReads.Int64(counts_E));
        var (gates_TF, ups_TF) = (gate_proj.call(tokens_TD), up_proj.call(tokens_TD));
        var sum_TD = zeros([tokens_TD.shape[0], width], dtype: routing.Weights.dtype, device: x.device);
        var weights_N = routing.Weights.flatten();
        for (int e = 0; e < segments.Experts; e++)
        {
            if (segments.Count(e) == 0) continue;
            var routes_R = order_N.narrow(0, segments.Offset(e), segments.Count(e));
            var tokens_R = routes_R.div(routing.Choices, RoundingMode.floor);
            var rows_RD = tokens_TD.index_select(0, tokens_R);
            var mix = LoraMix.Of(Name(e));
            var gate_RF = With(gate_lora, rows_RD, gates_TF.index_select(0, tokens_R), mix);
            var up_RF = With(up_lora, rows_RD, ups_TF.index_select(0, tokens_R), mix);
            var hidden_RF = nn.functional.silu(gate_RF) * up_RF;
            var out_RD = With(down_lora, hidden_RF, down_proj.call(hidden_RF), mix);
            sum_TD = sum_TD.index_add(0, tokens_R, out_RD.to(sum_TD.dtype) * weights_N.index_select(0, routes_R).unsqueeze(1), 1);
        }

        return new MoEResult(sum_TD.to(x.dtype).reshape(x.shape), routing, new Dictionary<string, Tensor>()).MoveToOuterDisposeScope();
    }

    private static Tensor With(LoraBank? bank, Tensor input, Tensor output, LoraMix mix) => bank is null ? output : bank.apply(input, output, mix);

    private static string Name(int expert) => expert.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
