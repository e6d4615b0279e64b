namespace MoE.Samples.Frame;

/// <summary>A claim with its measurement.</summary>
/// <param name="Claim">The claim.</param>
/// <param name="Measured">Mean over seeds; for an exact claim the worst value.</param>
/// <param name="Low">Lower end of the 95 % interval over seeds; for an exact claim the least value.</param>
/// <param name="High">Upper end.</param>
/// <param name="Verdict">What follows.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record ClaimResult(Claim Claim, double Measured, double Low, double High, Verdict Verdict, string Reason);
