namespace MoE.Samples.Frame;

/// <summary>How much work a run does.</summary>
public enum Scale
{
    /// <summary>Enough to see the mechanism; minutes at most.</summary>
    Quick,

    /// <summary>Enough for narrow intervals, with every model's learning rate tuned.</summary>
    Paper,
}
