namespace MoE.Samples.Papers.Mmoe;

/// <summary>What stands between the input and the towers of two tasks.</summary>
public enum TaskArchitecture
{
    /// <summary>A network per task.</summary>
    Single,

    /// <summary>One layer for both.</summary>
    SharedBottom,

    /// <summary>Experts and one gate.</summary>
    OneGate,

    /// <summary>Experts and a gate per task (MMoE).</summary>
    MultiGate,

    /// <summary>Experts of both and of each task (CGC).</summary>
    CustomizedGate,

    /// <summary>Two levels of CGC (PLE).</summary>
    Progressive,
}
