namespace MoE.Samples.Language;

/// <summary>Texts of one kind.</summary>
/// <param name="Name">A word.</param>
/// <param name="Train">Documents to learn from.</param>
/// <param name="HeldOut">Documents to measure on; none is among the others.</param>
public sealed record TextDomain(string Name, IReadOnlyList<string> Train, IReadOnlyList<string> HeldOut);
