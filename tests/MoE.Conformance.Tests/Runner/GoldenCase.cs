using System.Text.Json;

namespace MoE.Conformance.Runner;

/// <summary>A value of a golden file: a tensor (numbers and lists of them are tensors too), or JSON that is none.</summary>
internal sealed record GoldenValue(GoldenTensor? Tensor, JsonElement Json);

/// <summary>One golden file, format <c>moe-golden/1</c>.</summary>
internal sealed record GoldenCase
{
    public required string Peer { get; init; }

    public required string Function { get; init; }

    public required string Case { get; init; }

    public required IReadOnlyDictionary<string, JsonElement> Options { get; init; }

    public required IReadOnlyDictionary<string, GoldenValue> Inputs { get; init; }

    public required IReadOnlyDictionary<string, GoldenValue> Weights { get; init; }

    public required IReadOnlyDictionary<string, GoldenValue> Random { get; init; }

    public required IReadOnlyDictionary<string, GoldenValue> Outputs { get; init; }

    public required IReadOnlyDictionary<string, GoldenValue> Grads { get; init; }

    /// <summary>The choice contains exact ties.</summary>
    public required bool HasTies { get; init; }

    /// <summary>Compare selected scores and outputs, not indices.</summary>
    public required bool ByValue { get; init; }

    /// <summary>The peer leaves the order of a token's choices open.</summary>
    public required bool Unordered { get; init; }

    /// <summary>The type the peer computed in: bfloat16 where any input or weight is, float32 otherwise.</summary>
    public string Type => Inputs.Values.Concat(Weights.Values).Any(static v => v.Tensor?.Type == "bfloat16") ? "bfloat16" : "float32";
}
