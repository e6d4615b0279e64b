namespace MoE;

/// <summary>Whether the unit whose share makes the kept mass reach the target is kept.</summary>
public enum MassCut
{
    /// <summary>The smallest set whose mass reaches the target: the crossing unit is kept (nucleus sampling, top-p).</summary>
    Crossing,

    /// <summary>Only units whose cumulative mass stays within the target: the crossing unit is left out (the released code of Fire Together Wire Together, with its slack of 1e-5).</summary>
    Below,
}
