using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Load balancing over the global batch: the loads of the micro-batches since the last optimizer step are averaged, and each micro-batch's scores are held against that mean. Coarser than a micro-batch, so that experts may
/// specialise in what a single micro-batch is full of. A module, so that the counts of an unfinished step save and load with the model.
/// </summary>
/// <example><code>
/// var balance = new GlobalLoadBalance(experts: 8);
/// layer.Losses = [balance.Loss(0.01)];
/// optimizer.step();
/// balance.step();
/// </code></example>
/// <remarks>Megatron-LM <c>megatron/core/transformer/moe/router.py</c> _apply_global_aux_loss: running counts divided by the number of micro-batches. Here on one device; loads of others go to <see cref="observe"/>.</remarks>
public sealed class GlobalLoadBalance : nn.Module
{
    private readonly Tensor expert_load;
    private readonly Tensor batches;

    /// <summary>Makes a balance.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="device">Device of the counts.</param>
    public GlobalLoadBalance(int experts, Device? device = null)
        : base(nameof(GlobalLoadBalance))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        expert_load = zeros(experts, dtype: ScalarType.Int64, device: device);
        batches = zeros(1, dtype: ScalarType.Int64, device: device);
        RegisterComponents();
    }

    /// <summary>Routes per expert since the last step, [E].</summary>
    public Tensor Load => expert_load;

    /// <summary>The loss of one micro-batch, 1 when everything is balanced; counts its routes. In evaluation it counts nothing, and is the loss of the batch alone.</summary>
    /// <param name="coefficient">Finite; often 0.01.</param>
    public RouterLoss Loss(double coefficient) => new("global_load_balancing", coefficient, (routing, padding) =>
    {
        using var scope = NewDisposeScope();
        return of(RouterLoss.Scores(routing), routing.Load(), (int)routing.Choices, padding).MoveToOuterDisposeScope();
    });

    /// <summary>The loss from scores and loads.</summary>
    /// <param name="scores">p [T, E]; rows of counted tokens sum to one.</param>
    /// <param name="load">c [E], integers: routes of this micro-batch per expert, before drops.</param>
    /// <param name="choices">k, positive.</param>
    /// <param name="padding">[T] or null.</param>
    /// <returns>E / (k T^2) sum_e (sum_t p_te) C_e, C the mean load of a micro-batch since the last step, this one included.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public Tensor of(Tensor scores, Tensor load, int choices, Tensor? padding = null)
    {
        if (!training) return TorchRouterLosses.switch_load_balancing(scores, load, choices, padding);
        observe(load);
        using var scope = NewDisposeScope();
        Tensor mean_E;
        using (no_grad()) mean_E = expert_load.to(ScalarType.Float64).div(batches);
        return TorchRouterLosses.switch_load_balancing(scores, mean_E, choices, padding).MoveToOuterDisposeScope();
    }

    /// <summary>Counts a micro-batch.</summary>
    /// <param name="load">[E] integers.</param>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public void observe(Tensor load)
    {
        ExpertCounts.Add(expert_load, load, nameof(load));
        using var guard = no_grad();
        batches.add_(1);
    }

    /// <summary>Forgets the counts: after each optimizer step.</summary>
    public void step()
    {
        using var guard = no_grad();
        expert_load.zero_();
        batches.zero_();
    }
}
