namespace MoE.Benchmarks;

/// <summary>One tensor of an answer.</summary>
/// <param name="Name">Its name in messages.</param>
/// <param name="Values">Row-major values.</param>
/// <param name="Exact">Whole numbers, which must be equal.</param>
public sealed record AnswerPart(string Name, float[] Values, bool Exact = false);
