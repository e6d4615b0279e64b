using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Noisy top-k with learned noise (Shazeer et al. 2017, eq. 3 to 5): in training the router sees clean + N(0, 1) * (softplus(W_n x) + epsilon). The draw is <see cref="NoiseNames.Logits"/>, [T, E]. In evaluation
/// there is no noise. The routing's <see cref="RoutingTensors.Noisy"/> has what the load loss needs.
/// </summary>
public sealed class NoisyTopKGate : SpecGate
{
    private readonly nn.Module<Tensor, Tensor>? scorer;
    private readonly Parameter? weight;
    private readonly Parameter noise_weight;
    private readonly double _epsilon;

    /// <summary>Makes a gate with a linear scorer.</summary>
    /// <param name="spec">The router, without a noise of its own.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="epsilon">Least standard deviation in training; not negative. The peers: 0.01.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">The spec has a noise of its own.</exception>
    /// <remarks>Both matrices start at zero, as the paper advises: at first every expert is equally likely, and the noise breaks the tie.</remarks>
    public NoisyTopKGate(RouterSpec spec, int width, double epsilon = 0.01, ScalarType? dtype = null, Device? device = null)
        : this(spec, null, width, epsilon, dtype, device)
    {
    }

    /// <summary>Makes a gate with a scorer of your own (LLaMA-MoE's: a linear layer, tanh, a linear layer).</summary>
    /// <param name="spec">The router, without a noise of its own.</param>
    /// <param name="scorer">[T, D] to [T, E]; owned by the gate from now on. Null: linear.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="epsilon">Least standard deviation in training; not negative.</param>
    /// <param name="dtype">Type of the parameters.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">The spec has a noise of its own.</exception>
    public NoisyTopKGate(RouterSpec spec, nn.Module<Tensor, Tensor>? scorer, int width, double epsilon = 0.01, ScalarType? dtype = null, Device? device = null)
        : base(nameof(NoisyTopKGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (!(epsilon >= 0 && double.IsFinite(epsilon))) throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "must be finite and not negative");
        if (spec.Noise is not null) throw new ArgumentException("spec has a noise of its own; this gate learns one", nameof(spec));
        _epsilon = epsilon;
        this.scorer = scorer;
        if (scorer is null) weight = Initial.Zeros([spec.Experts, width], dtype, device);
        noise_weight = Initial.Zeros([spec.Experts, width], dtype, device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        return Noised(tokens, context).Noisy.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        var noisy = Noised(tokens, context);
        return SpecRouting.route(noisy.Noisy, Spec, selection_bias, context, training).With(noisy with { Noisy = noisy.Noisy.alias() }).MoveToOuterDisposeScope();
    }

    private NoisyLogits Noised(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, noise_weight.shape[1], noise_weight);
        var clean_TE = scorer is null ? nn.functional.linear(x_TD, weight!) : scorer.call(x_TD);
        if (!training) return new NoisyLogits(clean_TE, clean_TE.alias(), zeros_like(clean_TE), zeros([], dtype: clean_TE.dtype, device: clean_TE.device));
        var std_TE = nn.functional.softplus(nn.functional.linear(x_TD, noise_weight)).add(_epsilon);
        var noise_TE = NoiseDraw.Of(context, NoiseNames.Logits, NoiseKind.Normal, clean_TE.shape, clean_TE).mul(std_TE);
        return new NoisyLogits(clean_TE, clean_TE.add(noise_TE), noise_TE, std_TE);
    }
}
