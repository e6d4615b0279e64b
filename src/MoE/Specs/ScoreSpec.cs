using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Turns logits into scores.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<ScoreFunction>))]
public enum ScoreFunction
{
    /// <summary>exp(l_e) / sum exp(l), in single precision with the maximum subtracted. Sums to one.</summary>
    Softmax,

    /// <summary>1 / (1 + exp(-l)). Each expert by itself; DeepSeek-V3, Llama 4.</summary>
    Sigmoid,

    /// <summary>sqrt(ln(1 + exp(l))). Megatron-LM <c>sqrtsoftplus</c>.</summary>
    SqrtSoftplus,

    /// <summary>The logit itself.</summary>
    Identity,

    /// <summary>max(l, 0). ReMoE: an expert whose logit is not positive has the score zero.</summary>
    Relu,
}

/// <summary>Whether experts are chosen by the scores or by the logits.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<ScoreStage>))]
public enum ScoreStage
{
    /// <summary>Scores are computed over all experts, and the choice is made on them.</summary>
    BeforeSelection,

    /// <summary>The choice is made on the logits; the function sees the chosen logits only (a softmax then sums to one over the chosen).</summary>
    AfterSelection,
}

/// <summary>The first stage of a gate: logits to scores.</summary>
public sealed record ScoreSpec
{
    /// <summary>The function.</summary>
    public ScoreFunction Function { get; init; } = ScoreFunction.Softmax;

    /// <summary>Before or after the selection.</summary>
    public ScoreStage Stage { get; init; } = ScoreStage.BeforeSelection;

    /// <summary>Logits are divided by it first; positive and finite.</summary>
    public double Temperature { get; init; } = 1.0;

    /// <summary>Added to every score, not negative; OLMo-core's sigmoid has 1e-7.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Offset { get; init; }

    internal void Check(SpecProblems problems, string path)
    {
        problems.RequireDefined(Function, $"{path}.function");
        problems.RequireDefined(Stage, $"{path}.stage");
        problems.Require(double.IsFinite(Temperature) && Temperature > 0, $"{path}.temperature", Temperature, "must be positive and finite");
        problems.Require(double.IsFinite(Offset) && Offset >= 0, $"{path}.offset", Offset, "must be finite and not negative");
    }
}
