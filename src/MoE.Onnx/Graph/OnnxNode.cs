namespace MoE.Onnx;

/// <summary>One operator call. Whether its inputs exist is checked when the model is written.</summary>
public sealed class OnnxNode
{
    /// <summary>Operator name, for example <c>MatMul</c>.</summary>
    public required string OpType { get; init; }

    /// <summary>Operator domain; empty: the standard operators (<c>ai.onnx</c>).</summary>
    public string Domain { get; init; } = "";

    /// <summary>Node name for profilers and messages; may be empty.</summary>
    public string Name { get; init; } = "";

    /// <summary>Names of the input values; an empty name leaves out an optional input.</summary>
    public IReadOnlyList<string> Inputs { get; init; } = [];

    /// <summary>Names of the output values; an empty name leaves out an optional output.</summary>
    public IReadOnlyList<string> Outputs { get; init; } = [];

    /// <summary>Attributes.</summary>
    public IReadOnlyList<OnnxAttribute> Attributes { get; init; } = [];
}
