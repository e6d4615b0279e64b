using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>How a <see cref="BiasBalancer"/> moves the bias.</summary>
public enum BiasRule
{
    /// <summary>By a fixed step (<see cref="BiasUpdate.Sign"/>).</summary>
    Sign,

    /// <summary>By a fixed step, without the mean of the steps, so that the mean of the biases stays (torchtitan).</summary>
    CentredSign,
}

/// <summary>
/// Balance without an auxiliary loss (Wang et al. 2024): counts routes over the micro-batches of a step, and moves the gate's selection bias afterwards. A module, so that the counts of an unfinished step save and load
/// with the model; the bias itself is a buffer of the gate.
/// </summary>
/// <example><code>
/// var balancer = new BiasBalancer(gate, rate: 1e-3);
/// layer.Routed += (_, result) => balancer.observe(result.Routing);
/// optimizer.step();
/// balancer.step();
/// </code></example>
public sealed class BiasBalancer : nn.Module
{
    private readonly Func<SpecGate> _gate;
    private readonly Tensor expert_load;

    /// <summary>Makes a balancer.</summary>
    /// <param name="gate">A gate whose spec uses a selection bias; not owned.</param>
    /// <param name="rate">The step, positive; 0.001 in DeepSeek-V3.</param>
    /// <param name="rule">How the bias is moved.</param>
    /// <exception cref="ArgumentException">The gate has no selection bias, or the rate is not positive.</exception>
    public BiasBalancer(SpecGate gate, double rate = 1e-3, BiasRule rule = BiasRule.Sign)
        : base(nameof(BiasBalancer))
    {
        ArgumentNullException.ThrowIfNull(gate);
        var bias = gate.SelectionBias ?? throw new ArgumentException("the gate's spec uses no selection bias; set TopKSelection.UsesBias", nameof(gate));
        if (!(rate > 0 && double.IsFinite(rate))) throw new ArgumentOutOfRangeException(nameof(rate), rate, "must be positive and finite");
        if (!Enum.IsDefined(rule)) throw new ArgumentOutOfRangeException(nameof(rule), rule, "must be a defined rule");
        _gate = () => gate;
        Rate = rate;
        Rule = rule;
        expert_load = zeros(gate.Experts, dtype: ScalarType.Int64, device: bias.device);
        RegisterComponents();
    }

    /// <summary>The step.</summary>
    public double Rate { get; set; }

    /// <summary>How the bias is moved.</summary>
    public BiasRule Rule { get; }

    /// <summary>Routes per expert since the last step, [E].</summary>
    public Tensor Load => expert_load;

    /// <summary>Counts the routes of a micro-batch, before drops.</summary>
    /// <param name="routing">What the gate made.</param>
    /// <exception cref="ArgumentException">It is of another number of experts.</exception>
    public void observe(RoutingTensors routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        if (routing.ExpertCount != expert_load.shape[0]) throw new ArgumentException($"routing has {routing.ExpertCount} experts; must have {expert_load.shape[0]}", nameof(routing));
        using var guard = no_grad();
        using var counts = routing.Load();
        expert_load.add_(counts);
    }

    /// <summary>Counts routes that were counted elsewhere, such as on other devices.</summary>
    /// <param name="counts">[E] integers.</param>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public void observe(Tensor counts) => ExpertCounts.Add(expert_load, counts, nameof(counts));

    /// <summary>Moves the bias by the counts since the last step, and forgets them. Without counts nothing moves.</summary>
    public void step()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var bias = _gate().SelectionBias!;
        var counts = expert_load.to(bias.dtype);
        var step = counts.mean().sub(counts).sign().mul(Rate);
        bias.add_(Rule == BiasRule.CentredSign ? step.sub(step.mean()) : step);
        expert_load.zero_();
    }

    /// <summary>Quantile balancing as tensors: <see cref="BiasUpdate.Quantile"/> with libtorch's order of ties.</summary>
    /// <param name="scores">[T, E]; T k must be a multiple of E.</param>
    /// <param name="beta">[E]: subtracted from the scores for the choice.</param>
    /// <param name="k">1..E-1.</param>
    /// <returns>The choice [T, K], and the next beta [E]. No gradient.</returns>
    /// <exception cref="ArgumentException">A shape is wrong, or T k is no multiple of E.</exception>
    public static (Tensor Experts, Tensor Beta) quantile_update(Tensor scores, Tensor beta, int k)
    {
        ArgumentNullException.ThrowIfNull(beta);
        TensorGuard.Matrix(scores, beta.shape[0], nameof(scores));
        long tokens = scores.shape[0], experts = scores.shape[1];
        if (k < 1 || k >= experts) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 1..{experts - 1}");
        if (tokens == 0 || tokens * k % experts != 0) throw new ArgumentException($"{tokens} tokens with {k} choices cannot be shared equally by {experts} experts", nameof(scores));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (top_TK, index_TK) = scores.sub(beta).topk(k + 1, 1);
        var excess_TE = scores.sub(top_TK.narrow(1, k, 1));
        long share = Math.Min(tokens * k / experts, tokens - 1);
        var next_E = excess_TE.topk((int)share + 1, 0).values.select(0, share);
        return (index_TK.narrow(1, 0, k).contiguous().MoveToOuterDisposeScope(), next_E.contiguous().MoveToOuterDisposeScope());
    }
}
