using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Which form of soft MoE.</summary>
public enum SoftForm
{
    /// <summary>lucidrains/soft-moe-pytorch: tokens and slots are normalised with a learned scale, and the slots mix the <b>normalised</b> tokens.</summary>
    Lucidrains,

    /// <summary>V-MoE (Puigcerver et al. 2023, the authors): tokens and slots have length one in the logits, with one learned scale; the slots mix the tokens themselves.</summary>
    VMoE,
}

/// <summary>
/// Soft MoE (Puigcerver et al. 2023): each expert works on S slots, each slot a weighted mean of all tokens (softmax over tokens), and each token receives a weighted mean of all slots' outputs (softmax over slots).
/// Nothing is dropped and nothing is discrete; every token sees every other one, so it is not causal.
/// </summary>
public sealed class SoftMoE : nn.Module<Tensor, Tensor>
{
    private readonly Parameter slot_embeds;
    private readonly Parameter? gamma;
    private readonly Parameter? slot_gamma;
    private readonly Parameter? scale;
    private readonly ExpertBank experts;

    /// <summary>Makes a layer.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="slots">S per expert, positive.</param>
    /// <param name="experts">The experts; owned by the layer from now on.</param>
    /// <param name="form">The form.</param>
    /// <param name="noise">Gumbel noise on the logits in training, times this; not negative. The draw is <see cref="NoiseNames.Logits"/>, [B, N, E, S].</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public SoftMoE(int width, int slots, ExpertBank experts, SoftForm form = SoftForm.Lucidrains, double noise = 0, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(SoftMoE))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        ArgumentNullException.ThrowIfNull(experts);
        if (!Enum.IsDefined(form)) throw new ArgumentOutOfRangeException(nameof(form), form, "must be a defined form");
        if (!(noise >= 0 && double.IsFinite(noise))) throw new ArgumentOutOfRangeException(nameof(noise), noise, "must be finite and not negative");
        (Form, Noise) = (form, noise);
        slot_embeds = Initial.Linear([experts.Experts, slots, width], width, dtype, device, generator);
        var type = dtype ?? ScalarType.Float32;
        if (form == SoftForm.Lucidrains)
        {
            gamma = new Parameter(ones(width, dtype: type, device: device).DetachFromDisposeScope());
            slot_gamma = new Parameter(ones(width, dtype: type, device: device).DetachFromDisposeScope());
        }
        else
        {
            scale = new Parameter(ones(1, dtype: type, device: device).DetachFromDisposeScope());
        }

        this.experts = experts;
        RegisterComponents();
    }

    /// <summary>The form.</summary>
    public SoftForm Form { get; }

    /// <summary>Factor of the Gumbel noise in training.</summary>
    public double Noise { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, N, D], N positive.</param>
    /// <param name="context">Noise source; <see cref="GateContext.Padding"/> [B, N], true for padding: a padded token is in no slot, and receives the plain mean of all slots, which the caller ignores.</param>
    /// <returns>The output [B, N, D]; dispatch weights [B, N, E, S], which sum to one over N; and combine weights [B, N, E, S], which sum to one over E and S.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public SoftResult route(Tensor x, GateContext? context = null)
    {
        SoftSlots.Check(x, slot_embeds.shape[^1]);
        context ??= GateContext.Empty;
        using var scope = NewDisposeScope();
        var (tokens_BND, logits_BNES) = Form == SoftForm.Lucidrains ? Normalised(x) : Scaled(x);
        if (Noise > 0 && training)
            logits_BNES = logits_BNES.add(NoiseDraw.Of(context, NoiseNames.Logits, NoiseKind.Gumbel, logits_BNES.shape, logits_BNES).mul(Noise));
        return SoftSlots.Mix(tokens_BND, logits_BNES, context.Padding?.reshape(x.shape[0], x.shape[1]), null, experts).MoveToOuterDisposeScope();
    }

    private (Tensor Tokens, Tensor Logits) Normalised(Tensor x)
    {
        var tokens = SoftSlots.RootMeanSquare(x, gamma!);
        var slots_ESD = SoftSlots.RootMeanSquare(slot_embeds, slot_gamma!);
        return (tokens, tokens.matmul(slots_ESD.flatten(0, 1).t()).view(x.shape[0], x.shape[1], slots_ESD.shape[0], slots_ESD.shape[1]));
    }

    private (Tensor Tokens, Tensor Logits) Scaled(Tensor x)
    {
        var slots_ESD = nn.functional.normalize(slot_embeds, p: 2, dim: -1).mul(scale!);
        return (x, nn.functional.normalize(x, p: 2, dim: -1).matmul(slots_ESD.flatten(0, 1).t()).view(x.shape[0], x.shape[1], slots_ESD.shape[0], slots_ESD.shape[1]));
    }
}
