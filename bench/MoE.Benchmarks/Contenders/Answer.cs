namespace MoE.Benchmarks;

/// <summary>What a contender computed for one input: named tensors, flat.</summary>
/// <param name="Parts">The tensors; every contender of a case gives the same names.</param>
public sealed record Answer(params IReadOnlyList<AnswerPart> Parts);

/// <summary>One tensor of an answer.</summary>
/// <param name="Name">Its name in messages.</param>
/// <param name="Values">Row-major values.</param>
/// <param name="Exact">Whole numbers, which must be equal.</param>
public sealed record AnswerPart(string Name, float[] Values, bool Exact = false);
