namespace MoE.Onnx;

/// <summary>A file of an export.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Bytes">Its length.</param>
public sealed record OnnxExportedFile(string Path, long Bytes);
