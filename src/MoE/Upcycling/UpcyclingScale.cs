namespace MoE;

/// <summary>Where an upcycled layer takes back what its routing weights and its granularity take from the output.</summary>
public enum UpcyclingScale
{
    /// <summary>The down projections alone are multiplied: exact for every activation.</summary>
    Down,

    /// <summary>
    /// Spread over all projections, so that no one grows much: each is multiplied by the cube root in a GLU and by the square root otherwise (He et al. 2024, "Upcycling Large Language Models into Mixture of Experts"; Megatron-LM
    /// <c>upcycling_utils.py</c>). Exact where the activation is homogeneous (ReLU, identity; without limit and offset), otherwise an approximation.
    /// </summary>
    Spread,

    /// <summary>Not at all: what the routing weights sum to, and one G-th of it with granularity G, remains.</summary>
    None,
}
