namespace MoE.Samples.Papers.AdvMoe;

/// <summary>What is trained.</summary>
public enum Contender
{
    /// <summary>A dense net of full width.</summary>
    Dense,

    /// <summary>A dense net of half width: one pathway alone.</summary>
    SmallDense,

    /// <summary>Two pathways and a router that learn together: adversarial training as it is.</summary>
    Joint,

    /// <summary>Two pathways and a router that learn in turns, the router on its own loss, as released.</summary>
    Alternating,

    /// <summary>The same with the loss of the published problem: in its turn the router lowers the net's loss.</summary>
    AlternatingPublished,

    /// <summary>Two pathways under a random router that never learns and gives each half of the images.</summary>
    FrozenRouter,

    /// <summary>Two pathways by the label, modulo two: what no router can know.</summary>
    OracleRouter,
}
