namespace MoE.Samples.Frame;

/// <summary>One thing a run must show. As a control: one thing that must come out as predicted for the claims to mean anything.</summary>
/// <param name="Id">Short name, unique within a sample.</param>
/// <param name="Statement">What is measured, in words.</param>
/// <param name="Unit">Unit of the value.</param>
/// <param name="Bound">What the value is held against.</param>
/// <param name="Exact">A deterministic identity: it must hold for every seed, not on average.</param>
/// <param name="Published">The paper's number for it, in words; empty: the paper has none.</param>
public sealed record Claim(string Id, string Statement, string Unit, Bound Bound, bool Exact = false, string Published = "");
