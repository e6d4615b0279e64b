using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Adapters of the stacked weights of E experts, as PEFT's <c>target_parameters</c> has them: A [E r, in] holds the experts one behind the other, B [out, r E] holds the ranks one behind the other and the experts within
/// them. They act on the weight before the product (<see cref="LoraBank.mixed_weight"/>); rows cannot have adapters of their own.
/// </summary>
/// <remarks>
/// Which axis of a stored weight is the input depends on the model: transformers stores [E, out, in] for most mixtures and [E, in, out] for gpt-oss; PEFT up to 0.18 took every weight for the latter. The
/// layout says which axis A meets; with the wrong one a square weight would take an adapter silently, so it is no guess but an argument.
/// </remarks>
public sealed class StackedLoraBank : LoraBank
{
    private readonly WeightLayout _layout;

    /// <summary>Makes a bank without adapters.</summary>
    /// <param name="weight">[E, out, in], or [E, in, out] by the layout; it stays the caller's.</param>
    /// <param name="layout">Which axis is the input.</param>
    /// <exception cref="ArgumentException">The weight has other than three dimensions.</exception>
    public StackedLoraBank(Parameter weight, WeightLayout layout = WeightLayout.OutputsByInputs)
        : base(nameof(StackedLoraBank), Weight(weight))
    {
        if (weight.dim() != 3) throw new ArgumentException($"weight has shape {TensorGuard.Shape(weight)}; must have three dimensions", nameof(weight));
        if (!Enum.IsDefined(layout)) throw new ArgumentOutOfRangeException(nameof(layout), layout, "must be a defined layout");
        _layout = layout;
        Register();
    }

    /// <summary>E.</summary>
    public int Experts => checked((int)BaseWeight.shape[0]);

    /// <summary>Which axis of the weight is the input.</summary>
    public WeightLayout Layout => _layout;

    /// <summary>Not for stacked weights: their adapters act on the weight.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override Tensor apply(Tensor input, Tensor output, LoraMix mix) =>
        throw new NotSupportedException($"adapters of stacked weights act on the weight before the product; use {nameof(mixed_weight)}");

    private protected override bool SupportsMagnitude => false;

    private protected override bool SupportsDropout => false;

    private long Inputs => BaseWeight.shape[_layout == WeightLayout.OutputsByInputs ? 2 : 1];

    private long Outputs => BaseWeight.shape[_layout == WeightLayout.OutputsByInputs ? 1 : 2];

    private protected override (Parameter A, Parameter B) Factors(LoraSpec spec, Generator? generator) =>
        (Initial.Linear([(long)Experts * spec.Rank, Inputs], Inputs, BaseWeight.dtype, BaseWeight.device, generator), Initial.Zeros([Outputs, (long)Experts * spec.Rank], BaseWeight.dtype, BaseWeight.device));

    private protected override Tensor Product(Tensor a, Tensor b)
    {
        long rank = a.shape[0] / Experts;
        return einsum(_layout == WeightLayout.OutputsByInputs ? "ore,eri->eoi" : "ore,eri->eio", b.view(Outputs, rank, Experts), a.view(Experts, rank, Inputs));
    }

    private protected override Tensor LowRank(Tensor x, Tensor a, Tensor b) => throw new NotSupportedException();

    private protected override Tensor WithoutBias(Tensor output) => throw new NotSupportedException();

    private static Func<Tensor> Weight(Parameter weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        return () => weight;
    }
}
