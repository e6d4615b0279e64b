using MoE.Diagnostics;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>Listens to a layer and keeps, per epoch, how evenly its experts were used and how undecided its router was.</summary>
public sealed class RouterCurve : IDisposable
{
    private readonly MoELayer _layer;
    private readonly int[] _load;
    private readonly List<double> _balance = [];
    private readonly List<double> _entropy = [];
    private double _bits;
    private long _tokens;

    /// <summary>Starts listening.</summary>
    public RouterCurve(MoELayer layer)
    {
        _layer = layer;
        _load = new int[layer.Router.Experts];
        layer.Routed += Listen;
    }

    /// <summary>Load of the busiest expert over the mean load, per epoch; 1 when balanced.</summary>
    public IReadOnlyList<double> Balance => _balance;

    /// <summary>Mean entropy of the router's scores, brought to sum one, in bits, per epoch; 3 for eight equal scores, 0 for a certain choice.</summary>
    public IReadOnlyList<double> Entropy => _entropy;

    /// <summary>Ends an epoch.</summary>
    public void EndEpoch()
    {
        _balance.Add(1 + RoutingStatistics.MaxViolation(_load));
        _entropy.Add(_bits / _tokens);
        Array.Clear(_load);
        (_bits, _tokens) = (0, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => _layer.Routed -= Listen;

    private void Listen(MoELayer layer, MoEResult result)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        long[] load = result.Routing.Load().data<long>().ToArray();
        for (int e = 0; e < load.Length; e++) _load[e] += (int)load[e];
        var p_TE = TorchRouterLosses.normalized_scores(result.Routing.Logits!, layer.Spec!.Router.Score.Function);
        _bits -= p_TE.xlogy(p_TE).sum().item<float>() / Math.Log(2);
        _tokens += result.Routing.TokenCount;
    }
}
