namespace MoE.Samples.Papers.Quickstart;

/// <summary>A model in the table of accuracies.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Number of parameters.</param>
/// <param name="Flops">Operations per image.</param>
/// <param name="Accuracies">Per seed, in percent.</param>
public sealed record ModelRow(string Name, long Parameters, long Flops, IReadOnlyList<double> Accuracies);
