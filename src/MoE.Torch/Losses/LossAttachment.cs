using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A loss that travels inside an activation: the activation passes unchanged, and its backward pass also starts the loss's, whatever the upstream gradient (Megatron-LM <c>MoEAuxLossAutoScaler</c>, ReMoE). For layers whose
/// caller cannot be told about losses.
/// </summary>
public static class LossAttachment
{
    /// <summary>Attaches a loss.</summary>
    /// <param name="activation">What goes on, of any floating type.</param>
    /// <param name="loss">A scalar.</param>
    /// <param name="scale">The loss's gradient, finite: 1, or the loss scale of mixed precision.</param>
    /// <returns>The activation.</returns>
    /// <exception cref="ArgumentException">The loss is no scalar, or the scale is not finite.</exception>
    public static Tensor attach(Tensor activation, Tensor loss, double scale = 1)
    {
        ArgumentNullException.ThrowIfNull(activation);
        ArgumentNullException.ThrowIfNull(loss);
        if (loss.numel() != 1) throw new ArgumentException($"loss has shape {TensorGuard.Shape(loss)}; must be a scalar", nameof(loss));
        if (!double.IsFinite(scale)) throw new ArgumentOutOfRangeException(nameof(scale), scale, "must be finite");
        using var scope = NewDisposeScope();
        return Attached.apply(activation, loss, scale).MoveToOuterDisposeScope();
    }

    private sealed class Attached : autograd.SingleTensorFunction<Attached>
    {
        public override string Name => nameof(LossAttachment);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            ctx.save_data("scale", vars[2]);
            ctx.save_for_backward([(Tensor)vars[1]]);
            return ((Tensor)vars[0]).clone();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            var loss = ctx.get_saved_variables()[0];
            return [grad_output.alias().DetachFromDisposeScope(), full_like(loss, (double)ctx.get_data("scale")).DetachFromDisposeScope(), null!];
        }
    }
}
