namespace MoE.Torch;

/// <summary>How far an alternating training is, after a round.</summary>
/// <param name="Round">Rounds done in this run.</param>
/// <param name="Rounds">Rounds of this run.</param>
/// <param name="FirstLoss">Loss of the first player's last step, before the step.</param>
/// <param name="SecondLoss">Loss of the second player's last step, before the step.</param>
public readonly record struct AlternatingProgress(long Round, long Rounds, double FirstLoss, double SecondLoss);
