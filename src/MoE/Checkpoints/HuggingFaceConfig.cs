using System.Text;
using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>
/// What a Hugging Face <c>config.json</c> says about a model's mixture-of-experts layers. Keys of attention, vocabulary and training are ignored, and so are the jitter and
/// loss coefficients of the router, which are no part of a layer; quantisation concerns the weights only.
/// </summary>
/// <remarks>
/// Model types: <c>mixtral</c>, <c>minimax</c>, <c>phimoe</c>, <c>olmoe</c>, <c>flex_olmo</c>, <c>qwen2_moe</c>, <c>qwen3_moe</c>, <c>deepseek_v2</c>, <c>deepseek_v3</c>, <c>glm4_moe</c>, <c>dots1</c>, <c>ernie4_5_moe</c>,
/// <c>hunyuan_v1_moe</c>, <c>jamba</c>, <c>lfm2_moe</c>, <c>granitemoe</c>, <c>dbrx</c>, <c>gpt_oss</c>, <c>llama4</c> (its <c>text_config</c>) and <c>llama4_text</c>. A key that is absent has the default of the model's configuration class in transformers; where that differs from the model authors' own class the key is required.
/// Where transformers and the model authors route differently, the specs follow the authors (<see cref="RouterProfiles.DeepSeekV3"/>). The file is hostile until parsed: size and depth are
/// limited, duplicate keys and nonsense numbers are refused. Instances are immutable.
/// </remarks>
public sealed class HuggingFaceConfig
{
    /// <summary>The largest accepted file, 4 MiB.</summary>
    public const int MaxBytes = 4 << 20;

    private const int MaxDepth = 32;

    private HuggingFaceConfig(string modelType, MoELayerSpec layer, bool[] isMoE, SafetensorsType type, CheckpointQuantization quantization)
    {
        ModelType = modelType;
        WeightType = type;
        Quantization = quantization;
        Width = layer.Width;
        Layers = Array.AsReadOnly(Array.ConvertAll(isMoE, moe => moe ? layer : null));
        MoELayers = Array.AsReadOnly(Enumerable.Range(0, isMoE.Length).Where(i => isMoE[i]).ToArray());
    }

    /// <summary><c>model_type</c>; of the text model where it is nested.</summary>
    public string ModelType { get; }

    /// <summary>D, <c>hidden_size</c> (DBRX: <c>d_model</c>).</summary>
    public int Width { get; }

    /// <summary>One entry per decoder layer: its specification, or null where the layer is dense.</summary>
    public IReadOnlyList<MoELayerSpec?> Layers { get; }

    /// <summary>The indices of the mixture-of-experts layers, ascending.</summary>
    public IReadOnlyList<int> MoELayers { get; }

    /// <summary><c>torch_dtype</c> or <c>dtype</c>: the type of the published weights that are not quantised; BF16 where it is absent.</summary>
    public SafetensorsType WeightType { get; }

    /// <summary>How the family stores its layers.</summary>
    public CheckpointLayout Layout => CheckpointLayout.Of(ModelType);

    internal CheckpointQuantization Quantization { get; }

    /// <summary>The tensors that a layer has in a checkpoint of this configuration, as its authors publish them: 8-bit weights with their scales where <c>quantization_config</c> says so.</summary>
    /// <param name="layer">One of <see cref="MoELayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
    public IReadOnlyList<CheckpointTensor> Tensors(int layer)
    {
        if (layer < 0 || layer >= Layers.Count || Layers[layer] is not { } spec) throw new ArgumentOutOfRangeException(nameof(layer), layer, $"must be a mixture: {string.Join(", ", MoELayers)}");
        bool packed = Quantization.Method == "mxfp4";
        string? form = Layout.Forms.Contains("packed") ? packed ? "packed" : Layout.Forms.First(static f => f != "packed") : null;
        (int, int)? block = Quantization.Method == "fp8" ? Quantization.Block ?? CheckpointQuantization.DefaultBlock : null;
        return [.. Layout.Stored(spec, layer, form).SelectMany(t => t.InFile(WeightType, block))];
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">A <c>config.json</c>, or a folder that holds one.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">The file is too long, is not UTF-8, or what it says is refused; see <see cref="Parse"/>.</exception>
    public static HuggingFaceConfig Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) path = Path.Combine(path, "config.json");
        using var file = File.OpenRead(path);
        var bytes = new byte[Math.Min(file.Length, MaxBytes) + 1];
        int read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        RefuseLength(read);
        try
        {
            return Parse(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.AsSpan(0, read)).TrimStart('\uFEFF'));
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("config.json is not UTF-8 text.", e);
        }
    }

    /// <summary>Reads the text of a <c>config.json</c>.</summary>
    /// <param name="json">A JSON object of at most <see cref="MaxBytes"/> characters, nested at most 32 deep.</param>
    /// <exception cref="InvalidDataException">Not JSON, an unknown <c>model_type</c>, or keys that are missing, of the wrong kind or against a rule: all of them are named with their values.</exception>
    public static HuggingFaceConfig Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        RefuseLength(json.Length);
        try
        {
            // By way of bytes: a lone surrogate in the text becomes a replacement character instead of an exception of the encoder.
            using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(json), new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            return Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape in a name or word that is no character.
            throw new InvalidDataException($"config.json is not valid JSON: {e.Message}", e);
        }
    }

    private static HuggingFaceConfig Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"config.json is {root.ValueKind}; must be an object.");
        var reader = new ConfigReader(root, "");
        string type = reader.Word("model_type", null, [.. ModelFamilies.Known, "llama4"]);
        var quantization = CheckpointQuantization.Read(root, reader);
        var weights = WeightTypeOf(root);
        reader.ThrowIfAny("config.json");
        if (type == "llama4")
        {
            if (!root.TryGetProperty("text_config", out var text) || text.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"config.json of model_type llama4: text_config = {ConfigReader.Text(text)}: must be an object.");
            weights ??= WeightTypeOf(text);
            reader = new ConfigReader(text, "text_config.");
            type = "llama4_text";
        }

        var (layer, isMoE) = ModelFamilies.Read(type, reader);
        reader.ThrowIfAny($"config.json of model_type {type}");
        return new HuggingFaceConfig(type, layer.Checked(), isMoE, weights ?? SafetensorsType.BF16, quantization);
    }

    private static SafetensorsType? WeightTypeOf(JsonElement config)
    {
        if (!config.TryGetProperty("torch_dtype", out var value) && !config.TryGetProperty("dtype", out value)) return null;
        return value.ValueKind != JsonValueKind.String ? null : value.GetString() switch { "float32" => SafetensorsType.F32, "float16" => SafetensorsType.F16, "bfloat16" => SafetensorsType.BF16, _ => null };
    }

    private static void RefuseLength(int length)
    {
        if (length > MaxBytes) throw new InvalidDataException($"config.json is longer than {MaxBytes} bytes.");
    }
}
