namespace MoE.Onnx;

/// <summary>How a model is laid out in files.</summary>
public sealed record OnnxWriteOptions
{
    /// <summary>
    /// Initializers of at least this many bytes go to a file beside the model, named like the model with <c>.data</c> appended.
    /// Null: everything stays in one file as long as that is below 2 GiB, and 1024 applies above.
    /// </summary>
    public long? ExternalDataThreshold { get; init; }
}
