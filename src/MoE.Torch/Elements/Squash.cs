namespace MoE.Torch;

/// <summary>What makes gate values of a scorer's output.</summary>
public enum Squash
{
    /// <summary>Nothing: the output is the gate (NiNformer, spectral gates). Unbounded.</summary>
    None,

    /// <summary>1 / (1 + exp(-s)), in 0..1 (GLU, squeeze-excite, receptance, DAGNN).</summary>
    Sigmoid,

    /// <summary>tanh(s), in -1..1 (zero-initialised adapters, HyperDrop).</summary>
    Tanh,

    /// <summary>exp(-softplus(s)) = 1 / (1 + exp(s)), in 0..1: the forget gate of a selective scan with unit decay.</summary>
    Decay,
}
