namespace MoE.Samples.Papers.Mmoe.Synthetic;

/// <summary>What stands below the towers.</summary>
public enum Architecture
{
    /// <summary>One ReLU layer for both tasks, as wide as the experts' parameters allow: 113.</summary>
    SharedBottom,

    /// <summary>Eight experts and one gate for both tasks.</summary>
    OneGate,

    /// <summary>Eight experts and a gate per task.</summary>
    MultiGate,
}
