using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>What PEFT's <c>adapter_config.json</c> says about an X-LoRA gate. Instances are immutable.</summary>
public sealed record PeftXLoraConfig
{
    /// <summary>The gate. Of the layers, which the file does not number, it is said 1; see <see cref="WithLayers"/>.</summary>
    public required XLoraSpec Gate { get; init; }

    /// <summary>Names and places of the adapters, in the order of the gate's outputs. A place is a folder, seen from that of the file.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Adapters { get; init; }

    /// <summary>The model it was trained on (<c>base_model_name_or_path</c>), or null.</summary>
    public string? BaseModel { get; init; }

    /// <summary>The gate of a model with so many adapted layers.</summary>
    /// <param name="layers">Positive.</param>
    public XLoraSpec WithLayers(int layers) => (Gate with { Layers = layers }).Checked();

    /// <summary>Reads the text of an <c>adapter_config.json</c>.</summary>
    /// <param name="json">A JSON object of at most 4 MiB, nested at most 32 deep.</param>
    /// <exception cref="InvalidDataException">Not JSON, not of <c>peft_type</c> XLORA, or keys that are missing, of the wrong kind or against a rule: all of them are named with their values.</exception>
    public static PeftXLoraConfig Parse(string json) => PeftFile.Parse(json, "XLORA", Read);

    /// <summary>The file's text, as PEFT reads it.</summary>
    public string ToJson() => PeftFile.ToJson(json =>
    {
        json.WriteString("peft_type", "XLORA");
        json.WriteString("base_model_name_or_path", BaseModel);
        json.WriteBoolean("inference_mode", true);
        json.WriteNumber("hidden_size", Gate.Hidden);
        json.WriteNumber("xlora_depth", Gate.Depth);
        json.WriteNumber("xlora_size", Gate.Width);
        json.WriteNumber("xlora_dropout_p", Gate.Dropout);
        json.WriteBoolean("layerwise_scalings", Gate.LayerWise);
        json.WriteBoolean("enable_softmax", Gate.Softmax);
        json.WriteBoolean("enable_softmax_topk", Gate.SoftmaxKept);
        json.WriteNumber("softmax_temperature", Gate.Temperature);
        if (Gate.TopK is { } k) json.WriteNumber("top_k_lora", k);
        else json.WriteNull("top_k_lora");
        if (Gate.ScalingPassValue is { } value) json.WriteNumber("scaling_pass_value", value);
        else json.WriteNull("scaling_pass_value");
        json.WriteNumber("global_scaling_weight", Gate.GlobalWeight);
        json.WriteBoolean("use_trainable_adapters", false);
        json.WriteStartObject("adapters");
        foreach (var (name, place) in Adapters) json.WriteString(name, place);
        json.WriteEndObject();
    });

    private static PeftXLoraConfig Read(JsonElement root)
    {
        var c = new ConfigReader(root, "");
        var adapters = c.Map("adapters", static (r, key) => r.TextOrNull(key) ?? "");
        foreach (string name in adapters.Where(static a => !IsInside(a.Value)).Select(static a => a.Key)) c.Note($"adapters.{name}: must be the name of a folder beside the file");
        if (adapters.Count == 0) c.Note("adapters: names none");
        bool passIsNull = root.TryGetProperty("scaling_pass_value", out var pass) && pass.ValueKind == JsonValueKind.Null;
        bool all = !root.TryGetProperty("top_k_lora", out var top) || top.ValueKind == JsonValueKind.Null;
        var gate = new XLoraSpec
        {
            Hidden = c.Whole("hidden_size", null),
            Adapters = Math.Max(1, adapters.Count),
            Layers = 1,
            Depth = c.Whole("xlora_depth", 1, 1, 1024),
            Width = c.Whole("xlora_size", 2048),
            Dropout = c.Real("xlora_dropout_p", 0.2),
            LayerWise = c.Flag("layerwise_scalings", false),
            Softmax = c.Flag("enable_softmax", true),
            SoftmaxKept = c.Flag("enable_softmax_topk", false),
            Temperature = c.Real("softmax_temperature", 1, positive: true),
            TopK = all ? null : c.Whole("top_k_lora", null),
            ScalingPassValue = passIsNull ? null : c.Real("scaling_pass_value", 0),
            GlobalWeight = c.Real("global_scaling_weight", 1),
        };
        foreach (var problem in gate.Validate()) c.Note($"{problem}");
        c.ThrowIfAny(PeftFile.Config);
        return new PeftXLoraConfig { Gate = gate, Adapters = [.. adapters], BaseModel = c.TextOrNull("base_model_name_or_path") };
    }

    // A folder from a file lies below it: no way out.
    internal static bool IsInside(string place)
    {
        string[] parts = (place.StartsWith("./", StringComparison.Ordinal) ? place[2..] : place).Split('/');
        return parts.All(static p => p.Length is > 0 and <= 255 && p is not ("." or "..") && p.AsSpan().IndexOfAny("\\:\0") < 0);
    }
}
