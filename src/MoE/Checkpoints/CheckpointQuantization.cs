using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>What <c>quantization_config</c> of a <c>config.json</c> says about the weights.</summary>
/// <param name="Method"><c>quant_method</c>, or null where weights are plain numbers.</param>
/// <param name="Block"><c>weight_block_size</c>: rows and columns of a matrix that share a scale.</param>
internal sealed record CheckpointQuantization(string? Method, (int Rows, int Columns)? Block)
{
    /// <summary>DeepSeek-V3's blocks.</summary>
    public static readonly (int Rows, int Columns) DefaultBlock = (128, 128);

    public static CheckpointQuantization None { get; } = new(null, null);

    /// <summary>Said before the problems of a layer whose kind of quantisation is not read.</summary>
    public string Notice => Method is null or "fp8" or "mxfp4" ? "" : $"quantization_config.quant_method = {Method} is not read (fp8 in blocks and mxfp4 are); ";

    public static CheckpointQuantization Read(JsonElement root, ConfigReader reader)
    {
        if (!root.TryGetProperty("quantization_config", out var q) || q.ValueKind == JsonValueKind.Null) return None;
        if (q.ValueKind != JsonValueKind.Object)
        {
            reader.Note("quantization_config: must be an object or null");
            return None;
        }

        string? method = q.TryGetProperty("quant_method", out var m) && m.ValueKind == JsonValueKind.String ? m.GetString() : "";
        if (!q.TryGetProperty("weight_block_size", out var b) || b.ValueKind == JsonValueKind.Null) return new(method, null);
        if (b.ValueKind == JsonValueKind.Array && b.GetArrayLength() == 2 && Size(b[0]) is { } rows && Size(b[1]) is { } columns)
            return new(method, (rows, columns));
        reader.Note($"quantization_config.weight_block_size = {ConfigReader.Text(b)}: must be two positive whole numbers");
        return new(method, null);
    }

    private static int? Size(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int size) && size is > 0 and <= ConfigReader.MaxSize ? size : null;
}
