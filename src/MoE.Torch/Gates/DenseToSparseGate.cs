using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A dense-to-sparse gate as a module: a linear scorer, any activation between it and the softmax ("activation dense-to-sparse"), a temperature that is scheduled or learned, and a threshold that can be annealed. In
/// evaluation there is no noise.
/// </summary>
public sealed class DenseToSparseGate : TorchGate
{
    private readonly Parameter weight;
    private readonly Parameter? bias;
    private readonly Parameter? log_temperature;
    private readonly nn.Module<Tensor, Tensor>? activation;

    /// <summary>Makes a gate.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="activation">[T, E] to [T, E] between the linear layer and the softmax (tanh, leaky ReLU, a small network); owned by the gate. Null: none.</param>
    /// <param name="hasBias">The linear layer has a bias.</param>
    /// <param name="learned">The temperature is a parameter, kept positive by its logarithm, and starts at <see cref="Temperature"/>'s value of step 0.</param>
    /// <param name="temperature">Its course, positive at every step; null: constantly 1.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The schedule has problems.</exception>
    public DenseToSparseGate(int experts, int width, nn.Module<Tensor, Tensor>? activation = null, bool hasBias = false, bool learned = false, ScheduleSpec? temperature = null, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(DenseToSparseGate), experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        Temperature = (temperature ?? new ConstantSchedule { Constant = 1 }).Checked();
        weight = Initial.Linear([experts, width], width, dtype, device, generator);
        if (hasBias) bias = Initial.Zeros([experts], dtype, device);
        if (learned) log_temperature = new Parameter(full([1], Math.Log(TemperatureAt(0)), dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope());
        this.activation = activation;
        RegisterComponents();
    }

    /// <summary>The course of the temperature, over <see cref="GateContext.Step"/>; not looked at where it is learned, but for the start.</summary>
    public ScheduleSpec Temperature { get; }

    /// <summary>The course of the threshold, in 0..1 at every step: a rising one makes the gate sparser. The peer: constantly 0.001.</summary>
    public ScheduleSpec Threshold { get; set; } = new ConstantSchedule { Constant = 0.001 };

    /// <summary>Every expert above the threshold is chosen; otherwise the best one only.</summary>
    public bool Soft { get; set; } = true;

    /// <summary>Chosen experts weigh by the Gumbel softmax; otherwise by the softmax of the logits without noise.</summary>
    public bool WeighsByGumbel { get; set; } = true;

    /// <summary>The learned temperature, [1]; null where it follows its course.</summary>
    public Tensor? learned_temperature() => log_temperature?.exp();

    /// <summary>What goes into the softmax, before noise and temperature.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="context">The selector, where it differs from the tokens.</param>
    /// <returns>[T, E].</returns>
    public Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, weight.shape[1], weight);
        using var scope = NewDisposeScope();
        var linear_TE = nn.functional.linear(x_TD, weight, bias);
        return (activation is null ? linear_TE : activation.call(linear_TE)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        using var scope = NewDisposeScope();
        var logits_TE = logits(tokens, context);
        var spec = new RouterSpec
        {
            Experts = Experts,
            Score = new ScoreSpec { Temperature = log_temperature is null ? TemperatureAt(context.Step) : 1 },
            Select = new ThresholdSelection { Threshold = Threshold.At(context.Step), AtLeastOne = true },
        };
        var warm_TE = log_temperature is null ? logits_TE : logits_TE / log_temperature.exp();
        if (training)
        {
            var options = new DenseToSparseOptions { Temperature = spec.Score.Temperature, Threshold = Threshold.At(context.Step), Soft = Soft, WeighsByGumbel = WeighsByGumbel };
            return DenseToSparse.route(warm_TE, options, context).MoveToOuterDisposeScope();
        }

        if (!Soft) spec = spec with { Select = new TopKSelection { K = 1 } };
        return SpecRouting.route(warm_TE, spec, null, context).MoveToOuterDisposeScope();
    }

    private double TemperatureAt(long step) => Temperature.At(step) is > 0 and var t ? t : throw new InvalidOperationException($"the temperature of step {step} is {Temperature.At(step)}; must be positive");
}
