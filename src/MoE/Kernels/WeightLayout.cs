namespace MoE;

/// <summary>How a weight matrix lies in memory, row-major.</summary>
public enum WeightLayout
{
    /// <summary>[N, K]: one row per output, as linear layers have it (y = x W^T).</summary>
    OutputsByInputs,

    /// <summary>[K, N]: one row per input (y = x W).</summary>
    InputsByOutputs,
}
