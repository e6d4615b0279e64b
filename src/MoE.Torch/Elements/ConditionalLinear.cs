using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A linear layer with a second branch that a condition scales: <c>s (W x + b) + (V h) * (W' x) + (U h) * b'</c> (Self-Tuning Networks, MacKay et al. 2019). V and U start near zero, s at one.
/// </summary>
public sealed class ConditionalLinear : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Linear main;
    private readonly Linear branch;
    private readonly Linear condition;
    private readonly Parameter scale;

    /// <summary>Makes a layer.</summary>
    /// <param name="inputs">Width of x, positive.</param>
    /// <param name="outputs">Width of the output, positive.</param>
    /// <param name="conditions">Width of h, positive.</param>
    /// <param name="generator">Source of the condition's initial weights N(0, 0.01); the global one by default.</param>
    public ConditionalLinear(int inputs, int outputs, int conditions, Generator? generator = null)
        : base(nameof(ConditionalLinear))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(conditions);
        main = nn.Linear(inputs, outputs);
        branch = nn.Linear(inputs, outputs);
        condition = nn.Linear(conditions, 2 * outputs, hasBias: false);
        using (no_grad())
        using (var draw = randn(2 * outputs, conditions, generator: generator))
            condition.weight.copy_(draw.mul_(0.01));
        scale = new Parameter(ones(1).DetachFromDisposeScope());
        RegisterComponents();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, inputs].</param>
    /// <param name="h">The condition, [B, conditions] or [1, conditions].</param>
    /// <returns>[B, outputs].</returns>
    public override Tensor forward(Tensor x, Tensor h)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(h);
        TensorGuard.Matrix(x, main.weight.shape[1], nameof(x));
        TensorGuard.Matrix(h, condition.weight.shape[1], nameof(h));
        using var scope = NewDisposeScope();
        long outputs = main.weight.shape[0];
        var scales = condition.call(h);
        var product = nn.functional.linear(x, branch.weight, null);
        return (scale * main.call(x) + scales.narrow(1, 0, outputs) * product + scales.narrow(1, outputs, outputs) * branch.bias!).MoveToOuterDisposeScope();
    }
}
