namespace MoE;

/// <summary>An exit threshold and what it gives on the samples it was chosen on.</summary>
/// <param name="Threshold">Stop where the confidence is at least this.</param>
/// <param name="Accuracy">Share of right answers, 0..1.</param>
/// <param name="MeanCost">Mean cost of the exits taken, in the unit of the given costs.</param>
public readonly record struct ExitCalibration(double Threshold, double Accuracy, double MeanCost);
