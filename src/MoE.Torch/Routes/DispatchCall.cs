namespace MoE.Torch;

/// <summary>What the dispatch needs to know of a call beside its tensors.</summary>
/// <param name="Partial">Some routes may have no expert.</param>
/// <param name="Training">Training rather than evaluation.</param>
/// <param name="After">The rule for later choices that holds behind the capacity, or null.</param>
/// <param name="Context">Source of random numbers.</param>
internal sealed record DispatchCall(bool Partial, bool Training, LaterChoices? After, GateContext Context);
