using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Adapters of a linear layer: A [r, in], B [out, r].</summary>
public sealed class LinearLoraBank : LoraBank
{
    private readonly Func<Tensor?> _bias;

    /// <summary>Makes a bank without adapters.</summary>
    /// <param name="layer">The layer; it stays the caller's.</param>
    public LinearLoraBank(Linear layer)
        : base(nameof(LinearLoraBank), Weight(layer))
    {
        _bias = () => layer.bias;
        Register();
    }

    private protected override (Parameter A, Parameter B) Factors(LoraSpec spec, Generator? generator)
    {
        long outputs = BaseWeight.shape[0], inputs = BaseWeight.shape[1];
        return (Initial.Linear([spec.Rank, inputs], inputs, BaseWeight.dtype, BaseWeight.device, generator), Initial.Zeros([outputs, spec.Rank], BaseWeight.dtype, BaseWeight.device));
    }

    private protected override Tensor Product(Tensor a, Tensor b) => b.matmul(a);

    private protected override Tensor LowRank(Tensor x, Tensor a, Tensor b) => nn.functional.linear(nn.functional.linear(x.to(a.dtype), a, null), b, null);

    private protected override Tensor WithoutBias(Tensor output) => _bias() is { } bias ? output - bias : output;

    private static Func<Tensor> Weight(Linear layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return () => layer.weight;
    }
}
