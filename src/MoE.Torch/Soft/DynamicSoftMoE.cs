using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Soft MoE whose slots follow the input (lucidrains <c>DynamicSlotsSoftMoE</c>): each run of E consecutive tokens is averaged and projected to one slot for every expert, so that the number of slots grows with the sequence.</summary>
public sealed class DynamicSoftMoE : nn.Module<Tensor, Tensor>
{
    private readonly Parameter gamma;
    private readonly Linear to_slots;
    private readonly Parameter slot_gamma;
    private readonly ExpertBank experts;

    /// <summary>Makes a layer.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="experts">The experts; owned by the layer from now on.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public DynamicSoftMoE(int width, ExpertBank experts, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(DynamicSoftMoE))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentNullException.ThrowIfNull(experts);
        var type = dtype ?? ScalarType.Float32;
        gamma = new Parameter(ones(width, dtype: type, device: device).DetachFromDisposeScope());
        slot_gamma = new Parameter(ones(width, dtype: type, device: device).DetachFromDisposeScope());
        to_slots = nn.Linear(width, (long)width * experts.Experts, hasBias: false, device: device, dtype: dtype);
        to_slots.weight = Initial.Linear([(long)width * experts.Experts, width], width, dtype, device, generator);
        this.experts = experts;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, N, D], N positive; N need not be a multiple of E.</param>
    /// <param name="padding">[B, N] bool, true for padding, or null.</param>
    /// <returns>As <see cref="SoftMoE.route"/>, with ceil(N / E) slots.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public SoftResult route(Tensor x, Tensor? padding = null)
    {
        SoftSlots.Check(x, gamma.shape[0]);
        using var scope = NewDisposeScope();
        long batch = x.shape[0], count = x.shape[1], width = x.shape[2], e = experts.Experts, missing = (e - count % e) % e;
        var tokens = SoftSlots.RootMeanSquare(x, gamma);
        var padded_BN = padding ?? (missing > 0 ? zeros([batch, count], dtype: ScalarType.Bool, device: x.device) : null);
        if (missing > 0)
        {
            tokens = cat([tokens, zeros([batch, missing, width], dtype: tokens.dtype, device: tokens.device)], 1);
            padded_BN = cat([padded_BN!, ones([batch, missing], dtype: ScalarType.Bool, device: x.device)], 1);
        }

        var means_BSD = tokens.view(batch, -1, e, width).mean([2]);
        Tensor? empty_BS = null;
        if (padded_BN is not null)
        {
            var kept_BSE = padded_BN.logical_not().view(batch, -1, e);
            means_BSD = tokens.masked_fill(padded_BN.unsqueeze(-1), 0).view(batch, -1, e, width).sum(2).div(kept_BSE.to(tokens.dtype).sum(-1, keepdim: true).clamp_min(1e-5));
            empty_BS = kept_BSE.any(-1).logical_not();
        }

        long slots = means_BSD.shape[1];
        var embeds_BESD = SoftSlots.RootMeanSquare(to_slots.call(means_BSD).view(batch, slots, e, width).transpose(1, 2), slot_gamma);
        var logits = tokens.matmul(embeds_BESD.flatten(1, 2).transpose(1, 2)).view(batch, -1, e, slots);
        var result = SoftSlots.Mix(tokens, logits, padded_BN, empty_BS, experts);
        return new SoftResult(result.Output.narrow(1, 0, count), result.Dispatch.narrow(1, 0, count), result.Combine.narrow(1, 0, count)).MoveToOuterDisposeScope();
    }
}
