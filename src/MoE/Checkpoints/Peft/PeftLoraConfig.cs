using System.Text.Json;
using System.Text.RegularExpressions;

namespace MoE.Checkpoints;

/// <summary>
/// What PEFT's <c>adapter_config.json</c> says about a low-rank adapter. Keys of training (initialisation from random numbers, task, inference mode) are read past; keys that change what the tensors mean and are not
/// supported here (a trained bias, layer replication, initialisations that change the base weights) are refused by name. Instances are immutable.
/// </summary>
public sealed record PeftLoraConfig
{
    /// <summary>Rank, alpha, scale rule, dropout, magnitude, where no pattern says otherwise.</summary>
    public required LoraSpec Lora { get; init; }

    /// <summary>Paths of layers or their last parts (<c>target_modules</c> as a list); empty where <see cref="TargetPattern"/> is given.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];

    /// <summary>A regular expression over whole paths (<c>target_modules</c> as a text), or <c>all-linear</c>; null: <see cref="Targets"/>.</summary>
    public string? TargetPattern { get; init; }

    /// <summary>Paths of stacked weights (<c>target_parameters</c>).</summary>
    public IReadOnlyList<string> TargetParameters { get; init; } = [];

    /// <summary>Ranks by pattern: a path, its last parts, or a regular expression of them (<c>rank_pattern</c>).</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas by pattern (<c>alpha_pattern</c>).</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>The model it was trained on (<c>base_model_name_or_path</c>), or null.</summary>
    public string? BaseModel { get; init; }

    /// <summary>For example <c>CAUSAL_LM</c>, or null.</summary>
    public string? TaskType { get; init; }

    /// <summary>Reads the text of an <c>adapter_config.json</c>.</summary>
    /// <param name="json">A JSON object of at most 4 MiB, nested at most 32 deep.</param>
    /// <exception cref="InvalidDataException">Not JSON, not of <c>peft_type</c> LORA, or keys that are missing, of the wrong kind, against a rule or not supported: all of them are named with their values.</exception>
    public static PeftLoraConfig Parse(string json) => PeftFile.Parse(json, "LORA", Read);

    /// <summary>The form of the adapter on one layer, patterns applied.</summary>
    /// <param name="path">The layer's path in the model.</param>
    public LoraSpec SpecOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        int rank = RankPattern.FirstOrDefault(p => Matches(p.Key, path)) is { Key: not null } r ? r.Value : Lora.Rank;
        double alpha = AlphaPattern.FirstOrDefault(p => Matches(p.Key, path)) is { Key: not null } a ? a.Value : Lora.Alpha;
        return Lora with { Rank = rank, Alpha = alpha };
    }

    /// <summary>True if <c>target_modules</c> names a layer.</summary>
    /// <param name="path">The layer's path in the model.</param>
    public bool Covers(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (TargetPattern is null) return Targets.Any(t => Names(t, path));
        return TargetPattern == "all-linear" || Pattern($"^(?:{TargetPattern})$").IsMatch(path);
    }

    /// <summary>The file's text, as PEFT reads it.</summary>
    public string ToJson() => PeftFile.ToJson(json =>
    {
        json.WriteString("peft_type", "LORA");
        json.WriteString("task_type", TaskType);
        json.WriteString("base_model_name_or_path", BaseModel);
        json.WriteNumber("r", Lora.Rank);
        json.WriteNumber("lora_alpha", Lora.Alpha);
        json.WriteNumber("lora_dropout", Lora.Dropout);
        json.WriteBoolean("use_rslora", Lora.RankStabilized);
        json.WriteBoolean("use_dora", Lora.Magnitude);
        json.WriteString("bias", "none");
        json.WriteBoolean("fan_in_fan_out", false);
        json.WriteBoolean("inference_mode", true);
        json.WriteBoolean("init_lora_weights", true);
        json.WriteNull("modules_to_save");
        if (TargetPattern is not null) json.WriteString("target_modules", TargetPattern);
        else List(json, "target_modules", Targets);
        if (TargetParameters.Count == 0) json.WriteNull("target_parameters");
        else List(json, "target_parameters", TargetParameters);
        json.WriteStartObject("rank_pattern");
        foreach (var (pattern, rank) in RankPattern) json.WriteNumber(pattern, rank);
        json.WriteEndObject();
        json.WriteStartObject("alpha_pattern");
        foreach (var (pattern, alpha) in AlphaPattern) json.WriteNumber(pattern, alpha);
        json.WriteEndObject();
    });

    /// <summary>True if a target names a path: the whole of it, or its last parts.</summary>
    /// <param name="target">Of a list of targets.</param>
    /// <param name="path">Of a layer or weight.</param>
    public static bool Names(string target, string path)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(path);
        return path == target || (path.EndsWith(target, StringComparison.Ordinal) && path[^(target.Length + 1)] == '.');
    }

    private static PeftLoraConfig Read(JsonElement root)
    {
        var c = new ConfigReader(root, "");
        var (single, targets) = c.Texts("target_modules");
        var parameters = c.Texts("target_parameters").Texts;
        var config = new PeftLoraConfig
        {
            Lora = new LoraSpec
            {
                Rank = c.Whole("r", 8),
                Alpha = c.Real("lora_alpha", 8),
                Dropout = c.Real("lora_dropout", 0),
                RankStabilized = c.Flag("use_rslora", false),
                Magnitude = c.Flag("use_dora", false),
            },
            TargetPattern = single ? targets[0] : null,
            Targets = single ? [] : targets,
            TargetParameters = parameters,
            RankPattern = c.Map("rank_pattern", static (r, key) => r.Whole(key, null)),
            AlphaPattern = c.Map("alpha_pattern", static (r, key) => r.Real(key, 0)),
            BaseModel = c.TextOrNull("base_model_name_or_path"),
            TaskType = c.TextOrNull("task_type"),
        };
        foreach (var problem in config.Lora.Validate().Where(static p => p.Name == "dropout")) c.Note($"lora_{problem}");
        c.Unsupported("bias", "must be none: trained biases of the base are not supported");
        c.Unsupported("lora_bias", "must be false: a bias of B is not supported");
        c.Unsupported("modules_to_save", "must be null: whole modules beside the adapter are not supported");
        c.Unsupported("trainable_token_indices", "must be null: not supported");
        c.Unsupported("layer_replication", "must be null: layers made by repeating others are not supported");
        c.Unsupported("use_qalora", "must be false: not supported");
        c.Unsupported("alora_invocation_tokens", "must be null: not supported");
        if (root.TryGetProperty("init_lora_weights", out var initial) && initial.ValueKind == JsonValueKind.String
            && initial.GetString() is { } word && (word.StartsWith("pissa", StringComparison.Ordinal) || word is "olora" or "loftq" or "corda"))
            c.Note($"init_lora_weights = \"{word}\": the adapter was trained on changed base weights; convert it to a plain one first");
        foreach (string pattern in config.RankPattern.Keys.Concat(config.AlphaPattern.Keys).Distinct().Where(static p => !IsPattern($"^(?:.*\\.)?(?:{p})$"))) c.Note($"pattern {pattern}: is no regular expression that can be matched in linear time");
        if (single && targets[0] != "all-linear" && !IsPattern($"^(?:{targets[0]})$")) c.Note($"target_modules = {targets[0]}: is no regular expression that can be matched in linear time");
        if (targets.Count == 0 && parameters.Count == 0) c.Note("target_modules: names no layer");
        c.ThrowIfAny(PeftFile.Config);
        return config;
    }

    private static void List(Utf8JsonWriter json, string key, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(key);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static bool Matches(string pattern, string path) => Pattern($"^(?:.*\\.)?(?:{pattern})$").IsMatch(path);

    private static bool IsPattern(string pattern)
    {
        try
        {
            Pattern(pattern);
            return true;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    // A pattern from a file must not be able to hang its reader.
    private static Regex Pattern(string pattern) => new(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
}
