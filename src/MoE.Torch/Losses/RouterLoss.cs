using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A named auxiliary loss of a layer: a function of the routing and the padding, times a coefficient.</summary>
public sealed class RouterLoss
{
    private readonly Func<RoutingTensors, Tensor?, Tensor> _loss;
    private readonly ScheduleSpec _coefficient;

    /// <summary>A loss of your own.</summary>
    /// <param name="name">Unique in a layer.</param>
    /// <param name="coefficient">Finite.</param>
    /// <param name="loss">Gives a scalar from the routing and the padding mask ([T] bool or null).</param>
    public RouterLoss(string name, double coefficient, Func<RoutingTensors, Tensor?, Tensor> loss)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(loss);
        if (!double.IsFinite(coefficient)) throw new ArgumentOutOfRangeException(nameof(coefficient), coefficient, "must be finite");
        Name = name;
        _coefficient = new ConstantSchedule { Constant = coefficient };
        _loss = loss;
    }

    private RouterLoss(RouterLoss other, ScheduleSpec coefficient)
    {
        Name = other.Name;
        _coefficient = coefficient;
        _loss = other._loss;
    }

    /// <summary>Name.</summary>
    public string Name { get; }

    /// <summary>The coefficient by step; constant unless <see cref="Scheduled"/>.</summary>
    public ScheduleSpec Coefficient => _coefficient;

    /// <summary>The same loss with a coefficient that follows the step.</summary>
    /// <param name="coefficient">The schedule.</param>
    /// <exception cref="SpecException">The schedule has problems.</exception>
    /// <example><code>layer.Losses = [RouterLoss.LoadBalancing(0.01).Scheduled(new LinearSchedule { From = 0.1, To = 0.01, Steps = 1000 })];</code></example>
    public RouterLoss Scheduled(ScheduleSpec coefficient)
    {
        ArgumentNullException.ThrowIfNull(coefficient);
        return new RouterLoss(this, coefficient.Checked());
    }

    /// <summary>The loss times its coefficient; a scalar.</summary>
    /// <param name="routing">The routing.</param>
    /// <param name="padding">[T] bool, true for padding; or null.</param>
    /// <param name="step">The training step, for a scheduled coefficient.</param>
    public Tensor Of(RoutingTensors routing, Tensor? padding, long step = 0)
    {
        using var scope = NewDisposeScope();
        return _loss(routing, padding).mul(_coefficient.At(step)).MoveToOuterDisposeScope();
    }

    /// <summary>Switch load balancing, 1 when balanced: <see cref="TorchRouterLosses.switch_load_balancing"/> on the routing's normalised scores and loads before drops.</summary>
    /// <param name="coefficient">Often 0.01.</param>
    public static RouterLoss LoadBalancing(double coefficient) => new("load_balancing", coefficient, static (routing, padding) =>
    {
        using var scope = NewDisposeScope();
        var p_TE = Scores(routing);
        return TorchRouterLosses.switch_load_balancing(p_TE, routing.Load(), (int)routing.Choices, padding).MoveToOuterDisposeScope();
    });

    /// <summary>Load balancing sequence by sequence, 1 when balanced: <see cref="TorchRouterLosses.sequence_load_balancing"/> over the sequences of the context. Finer than a batch: every sequence has to be balanced.</summary>
    /// <param name="coefficient">Often 0.0001 (DeepSeek-V3).</param>
    public static RouterLoss SequenceLoadBalancing(double coefficient) => new("sequence_load_balancing", coefficient, static (routing, padding) =>
    {
        using var scope = NewDisposeScope();
        var p_TE = Scores(routing);
        return TorchRouterLosses.sequence_load_balancing(p_TE, routing.ToMap(kept: false), routing.SequenceLength, (int)routing.Choices, padding).MoveToOuterDisposeScope();
    });

    /// <summary>Router z-loss: <see cref="TorchRouterLosses.z_loss"/>.</summary>
    /// <param name="coefficient">Often 0.001.</param>
    public static RouterLoss ZLoss(double coefficient) => new("z_loss", coefficient, static (routing, padding) =>
        TorchRouterLosses.z_loss(Need(routing.Logits, "logits"), padding));

    /// <summary>Importance, 0 when balanced: the squared coefficient of variation of the experts' summed weights.</summary>
    /// <param name="coefficient">Often 0.1.</param>
    /// <param name="variance">Which variance.</param>
    public static RouterLoss Importance(double coefficient, VarianceKind variance = VarianceKind.Unbiased) => new("importance", coefficient, (routing, padding) =>
    {
        using var scope = NewDisposeScope();
        return TorchRouterLosses.importance(routing.ToDenseWeights(), variance, padding).MoveToOuterDisposeScope();
    });

    /// <summary>A loss times its coefficient.</summary>
    /// <param name="loss">A scalar.</param>
    /// <param name="coefficient">Finite.</param>
    public static Tensor Weighted(Tensor loss, double coefficient)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return loss.mul(coefficient);
    }

    /// <summary>The routing's scores over all experts, normalised: what load-balancing losses take.</summary>
    internal static Tensor Scores(RoutingTensors routing) =>
        TorchRouterLosses.normalized_scores(Need(routing.Logits, "logits"), routing.Spec?.Score.Function ?? ScoreFunction.Softmax);

    private static Tensor Need(Tensor? tensor, string name) =>
        tensor ?? throw new InvalidOperationException($"the gate gives no {name}, which this loss needs");
}
