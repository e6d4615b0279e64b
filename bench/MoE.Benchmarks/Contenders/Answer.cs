namespace MoE.Benchmarks;

/// <summary>What a contender computed for one input: named tensors, flat.</summary>
/// <param name="Parts">The tensors; every contender of a case gives the same names.</param>
public sealed record Answer(params IReadOnlyList<AnswerPart> Parts);
