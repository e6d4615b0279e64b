using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// DSelect-k (Hazimeh et al. 2021): a differentiable choice of at most k experts. Each of k selectors writes an expert's number in binary with smooth steps, so that it becomes exactly one-hot when its logits leave the slope;
/// a softmax mixes the selectors. Weights sum to one only if E is a power of two, or the selectors stay off the codes without an expert.
/// </summary>
public sealed class DSelectKGate : TorchGate
{
    private readonly Linear? z_scorer;
    private readonly Linear? w_scorer;
    private readonly Parameter? z;
    private readonly Parameter? w;
    private readonly Tensor codes;

    /// <summary>Makes a gate.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="k">Selectors, positive.</param>
    /// <param name="width">D: the selectors see the token; null: they are the same for all tokens (the paper's static form).</param>
    /// <param name="gamma">Width of the smooth step's slope, positive.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <remarks>
    /// LibMTL's port keeps the slope at one whatever its option says; google-research's original uses gamma. Bits have the most significant first. Selectors start on the slope, U(-gamma/100, gamma/100), so that they learn.
    /// </remarks>
    public DSelectKGate(int experts, int k, int? width = null, double gamma = 1, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(DSelectKGate), experts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(experts, 2);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        if (!(gamma > 0 && double.IsFinite(gamma))) throw new ArgumentOutOfRangeException(nameof(gamma), gamma, "must be positive and finite");
        Selectors = k;
        Gamma = gamma;
        Bits = 1;
        while (1L << Bits < experts) Bits++;
        if (width is { } d)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(d, nameof(width));
            z_scorer = Scorer(d, k * Bits, gamma / 100, dtype, device, generator);
            w_scorer = Scorer(d, k, 0.05, dtype, device, generator);
        }
        else
        {
            z = Uniform([k, Bits], gamma / 100, dtype, device, generator);
            w = Uniform([k], 0.05, dtype, device, generator);
        }

        var bits = new bool[experts * Bits];
        for (int e = 0; e < experts; e++)
        {
            for (int b = 0; b < Bits; b++) bits[e * Bits + b] = (e >> (Bits - 1 - b) & 1) == 1;
        }

        codes = tensor(bits, [experts, Bits]).to(device ?? CPU);
        codes.DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>k.</summary>
    public int Selectors { get; }

    /// <summary>Bits of an expert's number.</summary>
    public int Bits { get; }

    /// <summary>Width of the smooth step's slope.</summary>
    public double Gamma { get; }

    /// <summary>The weights of all experts, and what each selector chose.</summary>
    /// <param name="tokens">[T, D]; in the static form only T is looked at.</param>
    /// <returns>[T, E], and [T, k, E].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Weights, Tensor Selected) select(Tensor tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        using var scope = NewDisposeScope();
        long count = tokens.shape[0];
        if (z_scorer is not null) TensorGuard.Matrix(tokens, z_scorer.weight!.shape[1], nameof(tokens));
        var z_TKB = z_scorer is null ? z!.unsqueeze(0).expand(count, -1, -1) : z_scorer.call(tokens).view(count, Selectors, Bits);
        var w_TK = w_scorer is null ? w!.unsqueeze(0).expand(count, -1) : w_scorer.call(tokens);
        var step_TK1B = smooth_step(z_TKB, Gamma).unsqueeze(2);
        var bits_TKEB = where(codes, step_TK1B, step_TK1B.neg().add(1));
        var selected_TKE = bits_TKEB.prod(3);
        var weights_TE = w_TK.softmax(1).unsqueeze(2).mul(selected_TKE).sum(1);
        return (weights_TE.MoveToOuterDisposeScope(), selected_TKE.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A shape or type is wrong; or, on the CPU, an unpadded token is not finite.</exception>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        var (weights_TE, _) = select(context.Selector ?? tokens);
        LogitCheck.Throw(weights_TE, context, "weights");
        var wide_TE = weights_TE.dtype is ScalarType.Float32 or ScalarType.Float64 ? weights_TE : weights_TE.to(ScalarType.Float32);
        var map_TE = wide_TE.gt(0);
        if (context.ClosedExperts is { } closed) map_TE = map_TE.logical_and(closed.logical_not());
        var routing = RoutingTensors.OfMap(map_TE, wide_TE, scores: wide_TE);
        return (context.Padding is { } padding ? routing.WithoutPadding(padding) : routing).MoveToOuterDisposeScope();
    }

    /// <summary>The paper's regulariser for one batch: the entropy of the selectors, which drives them to one expert; and, where E is no power of two, the inverse of what they leave on experts that exist.</summary>
    /// <param name="selected">[T, k, E] of <see cref="select"/>.</param>
    /// <returns>The mean over tokens and selectors of -sum s ln(s + 1e-6), plus the mean of 1 / sum s where E is no power of two.</returns>
    public Tensor regularization(Tensor selected)
    {
        ArgumentNullException.ThrowIfNull(selected);
        using var scope = NewDisposeScope();
        var loss = selected.mul(selected.add(1e-6).log()).sum(-1).neg().mean();
        if (1L << Bits != Experts) loss = loss.add(selected.sum(-1).reciprocal().mean());
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>S(t) = 0 below -gamma/2, 1 above gamma/2, and -2 t^3 / gamma^3 + 3 t / (2 gamma) + 1/2 between.</summary>
    /// <param name="t">Any shape.</param>
    /// <param name="gamma">Positive.</param>
    public static Tensor smooth_step(Tensor t, double gamma = 1)
    {
        ArgumentNullException.ThrowIfNull(t);
        if (!(gamma > 0 && double.IsFinite(gamma))) throw new ArgumentOutOfRangeException(nameof(gamma), gamma, "must be positive and finite");
        using var scope = NewDisposeScope();
        var slope = t.pow(3).mul(-2 / (gamma * gamma * gamma)).add(t.mul(3 / (2 * gamma))).add(0.5);
        return where(t.le(-gamma / 2), zeros_like(t), where(t.ge(gamma / 2), ones_like(t), slope)).MoveToOuterDisposeScope();
    }

    private static Linear Scorer(int width, int outputs, double bound, ScalarType? dtype, Device? device, Generator? generator)
    {
        var linear = nn.Linear(width, outputs, hasBias: true, device: device, dtype: dtype);
        linear.weight = Uniform([outputs, width], bound, dtype, device, generator);
        linear.bias = Uniform([outputs], bound, dtype, device, generator);
        return linear;
    }

    private static Parameter Uniform(long[] shape, double bound, ScalarType? dtype, Device? device, Generator? generator)
    {
        using var scope = NewDisposeScope();
        return new Parameter(rand(shape, dtype: ScalarType.Float32, generator: generator).mul(2 * bound).sub(bound).to(dtype ?? ScalarType.Float32, device ?? CPU).DetachFromDisposeScope());
    }
}
