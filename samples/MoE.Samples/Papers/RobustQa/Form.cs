namespace MoE.Samples.Papers.RobustQa;

/// <summary>A contender.</summary>
public enum Form
{
    /// <summary>Two dense blocks, a top-2 mixture as the head, as in the released MoE model.</summary>
    MixtureHead,

    /// <summary>Two dense blocks, a dense head with as many operations per word as the mixture's two experts.</summary>
    DenseHead,

    /// <summary>Two blocks whose feed-forward layer is a Switch layer, a linear head.</summary>
    Switch,

    /// <summary>Two blocks whose feed-forward layer is as wide as one expert, a linear head.</summary>
    Dense,
}
