using System.Text.Json.Serialization;

namespace MoE;

/// <summary>How scores are balanced over a batch.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<BalanceMethod>))]
public enum BalanceMethod
{
    /// <summary>Sinkhorn's iteration on exp(l), rows and columns in turn, as Megatron-LM has it: no maximum is subtracted, so that logits above 88 overflow.</summary>
    Sinkhorn,

    /// <summary>The same in the logarithmic domain: finite for every finite logit.</summary>
    LogSinkhorn,

    /// <summary>BASE layers' auction (Bertsekas): every expert gets T / E tokens, and the sum of the scores is nearly the largest possible. T must be a multiple of E.</summary>
    Auction,
}

/// <summary>The choice of a whole training batch at once: scores are balanced over tokens and experts before each token chooses. Evaluation chooses by the scores.</summary>
public sealed record BatchBalance
{
    /// <summary>The method.</summary>
    public BalanceMethod Method { get; init; } = BalanceMethod.Sinkhorn;

    /// <summary>Sinkhorn stops when the mean change of the column factors is at most this; positive. Megatron-LM: 1e-4.</summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Most iterations, positive. The peers have no bound for Sinkhorn (a defect: it need not end) and 100 for the auction's exact rounds.</summary>
    public int Iterations { get; init; } = 100;

    internal void Check(SpecProblems problems, string path, int k)
    {
        problems.RequireDefined(Method, $"{path}.method");
        problems.Require(double.IsFinite(Tolerance) && Tolerance > 0, $"{path}.tolerance", Tolerance, "must be finite and positive");
        problems.RequirePositive(Iterations, $"{path}.iterations");
        if (Method == BalanceMethod.Auction) problems.Require(k == 1, $"{path}.method", Method, "assigns one expert per token; k must be 1");
    }
}
