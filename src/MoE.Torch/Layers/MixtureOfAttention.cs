using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// The routed halves of a mixture of attention heads (Zhang et al. 2022; JetMoE): each token's chosen experts project it to queries, attention runs on those, and the same experts project its results back, weighted.
/// </summary>
public sealed class MixtureOfAttention : nn.Module
{
    private readonly TopKGate router;
    private readonly Parameter input;
    private readonly Parameter output;
    private readonly Parameter? bias;

    /// <summary>Makes the two projections.</summary>
    /// <param name="spec">The router, with a fixed number of choices and without capacity.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="queryWidth">Width of an expert's queries, positive.</param>
    /// <param name="hasBias">A bias [D] is added to the result, whatever the weights.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">The router drops tokens, or its number of choices varies.</exception>
    /// <remarks>transformers <c>models/jetmoe/modeling_jetmoe.py</c> JetMoeMoA, 561a79a (2025-07-18).</remarks>
    public MixtureOfAttention(RouterSpec spec, int width, int queryWidth, bool hasBias = true, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(MixtureOfAttention))
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queryWidth);
        if (spec.Dispatch?.Capacity is not null || spec.Select is not TopKSelection { Later: null }) throw new ArgumentException("spec must be top-k, without capacity and without a rule for later choices: every slot needs a query", nameof(spec));
        router = new TopKGate(spec, width, dtype: dtype, device: device, generator: generator);
        input = Initial.Linear([spec.Experts, queryWidth, width], width, dtype, device, generator);
        output = Initial.Linear([spec.Experts, width, queryWidth], queryWidth, dtype, device, generator);
        if (hasBias) bias = Initial.Zeros([width], dtype, device);
        RegisterComponents();
    }

    /// <summary>Queries of each token's chosen experts, not weighted.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="context">Masks and replay.</param>
    /// <returns>[T, K, queryWidth], zero for an empty choice; and the routing.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Mapped, RoutingTensors Routing) map(Tensor tokens, GateContext? context = null)
    {
        using var scope = NewDisposeScope();
        var routing = router.call(tokens, context ?? GateContext.Empty);
        var rows_ND = tokens.unsqueeze(1).expand(-1, routing.Choices, -1).reshape(-1, tokens.shape[1]);
        var mapped = Project(rows_ND, routing, input).view(routing.TokenCount, routing.Choices, -1);
        return (mapped.MoveToOuterDisposeScope(), routing.MoveToOuterDisposeScope());
    }

    /// <summary>The results of attention, back through the chosen experts.</summary>
    /// <param name="values">[T, K, queryWidth].</param>
    /// <param name="routing">Of <see cref="map"/>.</param>
    /// <returns>[T, D].</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public Tensor reduce(Tensor values, RoutingTensors routing)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(routing);
        if (values.dim() != 3 || values.shape[0] != routing.TokenCount || values.shape[1] != routing.Choices || values.shape[2] != output.shape[2])
            throw new ArgumentException($"values has shape {TensorGuard.Shape(values)}; must be [{routing.TokenCount}, {routing.Choices}, {output.shape[2]}]", nameof(values));
        using var scope = NewDisposeScope();
        var back_TKD = Project(values.reshape(-1, values.shape[2]), routing, output).view(routing.TokenCount, routing.Choices, -1);
        var sum_TD = back_TKD.mul(routing.Weights.to(back_TKD.dtype).unsqueeze(-1)).sum(1);
        return (bias is null ? sum_TD : sum_TD.add(bias)).MoveToOuterDisposeScope();
    }

    // Rows are routes in token order; each goes through its expert's matrix.
    private static Tensor Project(Tensor rows_ND, RoutingTensors routing, Parameter matrices)
    {
        var (order_N, counts_E) = Dispatching.ByExpert(routing);
        long[] counts = HostReads.Int64(counts_E);
        var routes_R = order_N.narrow(0, 0, counts.Sum());
        var sorted_RD = rows_ND.index_select(0, routes_R);
        var parts = new List<Tensor>();
        Tensor[] each = matrices.unbind();
        long start = 0;
        for (int e = 0; e < counts.Length; e++)
        {
            if (counts[e] > 0) parts.Add(nn.functional.linear(sorted_RD.narrow(0, start, counts[e]), each[e]));
            start += counts[e];
        }

        var result_ND = zeros([rows_ND.shape[0], matrices.shape[1]], dtype: rows_ND.dtype, device: rows_ND.device);
        return parts.Count == 0 ? result_ND : result_ND.index_copy(0, routes_R, cat(parts, 0));
    }
}
