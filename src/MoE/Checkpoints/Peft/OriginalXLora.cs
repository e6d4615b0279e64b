using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>
/// A gate as the authors' own code saved it before it went into PEFT: <c>xlora_config.json</c>, and <c>xlora_classifier.safetensors</c> with <c>inner.N.weight</c> (N counts activations and dropout between the linear layers too, where there are any)
/// and <c>last.weight</c>. EricLBuehler/xlora <c>xlora_insertion.py</c>, <c>xlora_config.py</c>, <c>xlora_classifier.py</c>, 8217992 (2024-08-03) and earlier.
/// </summary>
internal static class OriginalXLora
{
    public const string Config = "xlora_config.json", Weights = "xlora_classifier.safetensors";

    /// <summary>True for a folder of that layout; PEFT's goes first.</summary>
    public static bool Is(string folder) => !File.Exists(Path.Combine(folder, PeftFile.Config)) && File.Exists(Path.Combine(folder, Config));

    /// <summary>Reads the configuration.</summary>
    /// <param name="json">Its text.</param>
    /// <param name="biases">The file has biases: what holds where the configuration is older than the key.</param>
    public static PeftXLoraConfig Parse(string json, bool biases) => PeftFile.Parse(json, null, root => Read(root, biases), Config);

    /// <summary>The place of a linear layer's tensor in the classifier, the last one behind all others; null: no tensor of a classifier.</summary>
    public static (int Place, bool IsWeight)? Split(string name)
    {
        string[] parts = name.Split('.');
        if (parts[^1] is not ("weight" or "bias")) return null;
        if (parts is ["last", _]) return (int.MaxValue, parts[1] == "weight");
        return parts is ["inner", var at, _] && int.TryParse(at, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int place) && place < int.MaxValue ? (place, parts[2] == "weight") : null;
    }

    private static PeftXLoraConfig Read(JsonElement root, bool biases)
    {
        var c = new ConfigReader(root, "");
        var adapters = Adapters(root, c);
        if (adapters.Count == 0) c.Note("adapters: names none");
        c.Unsupported("use_mean_pool", "gates that decide by the mean of a sequence (before 2024-02) are not read");
        c.Unsupported("stop_token_id", "gates that decide by a sequence's last token (before 2024-02) are not read");
        var gate = new XLoraSpec
        {
            Hidden = c.Whole("hidden_size", null),
            Adapters = Math.Max(1, adapters.Count),
            Layers = 1,
            Depth = c.Whole("xlora_depth", 1, 1, 1024),
            Width = c.Whole("xlora_size", 2048, min: 0),
            Dropout = c.Real("xlora_dropout_p", 0.2),
            Bias = c.Flag("use_bias", biases),
            ReluAndDropout = c.Flag("enable_relu_and_dropout", false),
            LayerWise = c.Flag("layerwise_scalings", false),
            Softmax = c.Flag("enable_softmax", true),
            SoftmaxKept = c.Flag("enable_softmax_topk", false),
            Temperature = c.Real("softmax_temperature", 1, positive: true),
            TopK = c.WholeOrEach("top_k_lora"),
            ScalingPassValue = c.Real("scaling_pass_value", 0),
            GlobalWeight = c.Real("global_scaling_weight", 1),
        };
        foreach (var problem in gate.Validate()) c.Note($"{problem}");
        c.ThrowIfAny(Config);
        return new PeftXLoraConfig { Gate = gate, Adapters = adapters, BaseModel = c.TextOrNull("base_model_id") };
    }

    // Trained adapters were saved beside the gate; of others the file has an address, which is a folder beside it or of no use here.
    private static List<KeyValuePair<string, string>> Adapters(JsonElement root, ConfigReader c)
    {
        bool saved = c.Flag("use_trainable_adapters", false), list = root.TryGetProperty("adapters", out var value) && value.ValueKind == JsonValueKind.Array;
        var names = list ? c.Texts("adapters").Texts.Distinct(StringComparer.Ordinal).ToDictionary(static n => n, static n => n, StringComparer.Ordinal) : c.Map("adapters", static (r, key) => r.TextOrNull(key) ?? "");
        var adapters = new List<KeyValuePair<string, string>>();
        foreach (var (name, address) in names)
        {
            string place = saved ? $"adapters/{name}" : PeftXLoraConfig.IsInside(address) ? address : name;
            if (!PeftXLoraConfig.IsInside(place)) c.Note($"adapters.{name}: must be the name of a folder");
            adapters.Add(new(name, place));
        }

        return adapters;
    }
}
