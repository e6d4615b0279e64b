using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Experts of one hidden neuron each (He 2024, PEER): expert e gives act(down_e . x) up_e. Millions of them fit, since a token touches only the ones that it chose.</summary>
public sealed class NeuronExperts : nn.Module
{
    private readonly Parameter down;
    private readonly Parameter up;
    private readonly nn.Module<Tensor, Tensor> activation;

    /// <summary>Makes experts.</summary>
    /// <param name="experts">Their number, positive.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="activation">Owned by the module; null: GELU.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public NeuronExperts(long experts, int width, nn.Module<Tensor, Tensor>? activation = null, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(NeuronExperts))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        down = Initial.Linear([experts, width], width, dtype, device, generator);
        up = Initial.Linear([experts, width], width, dtype, device, generator);
        this.activation = activation ?? nn.GELU();
        RegisterComponents();
    }

    /// <summary>Their number.</summary>
    public long Experts => down.shape[0];

    /// <summary>The weighted sum of the chosen experts.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="experts">[T, N] int64, each in 0..experts - 1.</param>
    /// <param name="weights">[T, N].</param>
    /// <returns>[T, D].</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public Tensor mix(Tensor tokens, Tensor experts, Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(experts);
        ArgumentNullException.ThrowIfNull(weights);
        TensorGuard.Matrix(tokens, down.shape[1], nameof(tokens));
        if (experts.dim() != 2 || experts.shape[0] != tokens.shape[0]) throw new ArgumentException($"experts has shape {TensorGuard.Shape(experts)}; must be [{tokens.shape[0]}, N]", nameof(experts));
        if (!weights.shape.AsSpan().SequenceEqual(experts.shape)) throw new ArgumentException($"weights has shape {TensorGuard.Shape(weights)}; must be {TensorGuard.Shape(experts)}", nameof(weights));
        using var scope = NewDisposeScope();
        var flat = experts.flatten();
        var down_TND = down.index_select(0, flat).view(experts.shape[0], experts.shape[1], -1);
        var up_TND = up.index_select(0, flat).view(experts.shape[0], experts.shape[1], -1);
        var hidden_TN = activation.call(down_TND.matmul(tokens.unsqueeze(-1)).squeeze(-1)).mul(weights);
        return hidden_TN.unsqueeze(1).matmul(up_TND).squeeze(1).MoveToOuterDisposeScope();
    }
}
