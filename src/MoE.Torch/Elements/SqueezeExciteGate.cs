using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// w = sigmoid(W2 relu(W1 mean(x))), one weight per channel, and w * x (squeeze-and-excitation, Hu et al. 2018; per field in SENet gates of recommenders). Modules <c>squeeze</c>, <c>excite</c>.
/// </summary>
public sealed class SqueezeExciteGate : nn.Module<Tensor, Tensor>
{
    private readonly Linear squeeze;
    private readonly Linear excite;

    /// <summary>Makes a gate.</summary>
    /// <param name="channels">C, positive.</param>
    /// <param name="hidden">Width between the two linear layers, positive.</param>
    public SqueezeExciteGate(int channels, int hidden)
        : base(nameof(SqueezeExciteGate))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        squeeze = nn.Linear(channels, hidden);
        excite = nn.Linear(hidden, channels);
        RegisterComponents();
    }

    /// <summary>The weights of the channels.</summary>
    /// <param name="x">[B, C, ...]; the mean is taken over all further dimensions.</param>
    /// <returns>[B, C], in 0..1.</returns>
    /// <exception cref="ArgumentException">There are fewer than two dimensions, or other than C channels.</exception>
    public Tensor weights(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() < 2 || x.shape[1] != squeeze.weight.shape[1])
            throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [B, {squeeze.weight.shape[1]}, ...]", nameof(x));
        using var scope = NewDisposeScope();
        var mean_BC = x.dim() == 2 ? x : x.flatten(2).mean([-1]);
        return excite.call(nn.functional.relu(squeeze.call(mean_BC))).sigmoid().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var w_BC = weights(x);
        long[] shape = [.. w_BC.shape, .. Enumerable.Repeat(1L, (int)x.dim() - 2)];
        return (x * w_BC.view(shape)).MoveToOuterDisposeScope();
    }
}
