namespace MoE.Benchmarks;

/// <summary>What a case measures.</summary>
public enum BenchMode
{
    /// <summary>The forward pass of a layer, router included.</summary>
    Infer,

    /// <summary>Forward and backward pass of a layer, with the gradients of input, router and experts.</summary>
    Train,

    /// <summary>Logits to experts, weights and the stable order by expert.</summary>
    Router,

    /// <summary>The forward pass of one linear layer whose rows use different low-rank adapters.</summary>
    Lora,
}
