namespace MoE.Samples.Papers.Hmode;

/// <summary>What the gates of both levels give.</summary>
public enum GateForm
{
    /// <summary>A weight per pixel of the coarsest map, as in the paper.</summary>
    Pixel,

    /// <summary>One weight per image: logits are averaged over it.</summary>
    Image,

    /// <summary>Equal weights: no gate.</summary>
    Uniform,
}
