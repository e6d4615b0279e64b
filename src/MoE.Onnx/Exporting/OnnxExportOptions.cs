namespace MoE.Onnx;

/// <summary>How a layer or router is exported.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>The operators to use; null: the fastest form that is exact for the layer. <see cref="OnnxLayerForm.Quantized"/>, which rounds weights, is never picked by itself.</summary>
    public OnnxLayerForm? Form { get; init; }

    /// <summary>What the graph holds.</summary>
    public OnnxLayerOptions Layer { get; init; } = new();

    /// <summary>How the files are laid out.</summary>
    public OnnxWriteOptions Files { get; init; } = new();

    /// <summary>Run what was written in ONNX Runtime before it gets its name, and compare it; null: leave that out.</summary>
    public OnnxVerifyOptions? Verify { get; init; } = new();

    /// <summary>How ONNX Runtime runs it for the comparison.</summary>
    public OnnxEngineOptions Engine { get; init; } = new();
}
