using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Adapters of an embedding: A [r, entries], zero at first, B [width, r], normal at first, as PEFT initialises them. Scalings multiply the output: ids cannot be scaled (the original X-LoRA code scales the ids before the look-up).
/// </summary>
public sealed class EmbeddingLoraBank : LoraBank
{
    /// <summary>Makes a bank without adapters.</summary>
    /// <param name="layer">The layer; it stays the caller's.</param>
    public EmbeddingLoraBank(Embedding layer)
        : base(nameof(EmbeddingLoraBank), Weight(layer)) => Register();

    private protected override bool SupportsMagnitude => false;

    private protected override bool ScalesInput => false;

    private protected override (Parameter A, Parameter B) Factors(LoraSpec spec, Generator? generator)
    {
        long entries = BaseWeight.shape[0], width = BaseWeight.shape[1];
        using var scope = NewDisposeScope();
        var b = randn([width, spec.Rank], generator: generator).to(BaseWeight.dtype, BaseWeight.device);
        return (Initial.Zeros([spec.Rank, entries], BaseWeight.dtype, BaseWeight.device), new Parameter(b.DetachFromDisposeScope()));
    }

    private protected override Tensor Product(Tensor a, Tensor b) => b.matmul(a).t();

    private protected override Tensor LowRank(Tensor x, Tensor a, Tensor b) => nn.functional.linear(a.t().index_select(0, x.flatten()).view([.. x.shape, a.shape[0]]), b, null);

    private protected override Tensor WithoutBias(Tensor output) => output;

    // Ids cannot be dropped.
    private protected override Tensor Drop(Tensor x, double probability) => x;

    private static Func<Tensor> Weight(Embedding layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return () => layer.weight!;
    }
}
