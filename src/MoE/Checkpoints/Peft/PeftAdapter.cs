using System.Runtime.InteropServices;

namespace MoE.Checkpoints;

/// <summary>
/// A low-rank adapter in PEFT's layout: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>. Opening checks all that can be checked without the model: names, pairs, shapes, ranks, targets, and
/// that every number is finite. The tensors stay mapped; nothing is copied until asked for.
/// </summary>
/// <remarks>Tensors are named <c>base_model.model.PATH.lora_A.weight</c> and <c>.lora_B.weight</c>, of embeddings <c>.lora_embedding_A</c> and <c>.lora_embedding_B</c>, of DoRA <c>.lora_magnitude_vector</c>.</remarks>
public sealed class PeftAdapter : IDisposable
{
    private readonly SafetensorsFile _file;

    private PeftAdapter(string folder, PeftLoraConfig config, SafetensorsFile file, IReadOnlyList<PeftLayer> layers)
    {
        Folder = folder;
        Config = config;
        _file = file;
        Layers = layers;
    }

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>What its configuration says.</summary>
    public PeftLoraConfig Config { get; }

    /// <summary>Its layers, by path in byte order.</summary>
    public IReadOnlyList<PeftLayer> Layers { get; }

    /// <summary>The free text of the tensor file.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    /// <summary>Opens and checks an adapter.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="InvalidDataException">A file is damaged or breaks a rule, or the two do not agree: all problems in one message that begins with the folder.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static PeftAdapter Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        PeftLoraConfig config;
        try
        {
            config = PeftLoraConfig.Parse(PeftFile.ReadText(Path.Combine(folder, PeftFile.Config)));
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{folder}: {e.Message}", e);
        }

        var file = SafetensorsFile.Open(Path.Combine(folder, PeftFile.Weights));
        try
        {
            var problems = new List<string>();
            var layers = Layout(file, config, problems);
            foreach (var entry in file.Entries) CheckNumbers(file, entry, problems);
            if (problems.Count > 0) throw new InvalidDataException($"{folder}: {string.Join("; ", problems.Take(50))}{(problems.Count > 50 ? $"; and {problems.Count - 50} more" : "")}");
            return new PeftAdapter(folder, config, file, layers);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes an adapter: the folder is made if need be, the configuration last, each file under its name only when complete.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="tensors">Named as in the remarks of this class.</param>
    /// <param name="metadata">Free text beside PEFT's own <c>format</c>; null: none.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(string folder, PeftLoraConfig config, IEnumerable<SafetensorsTensor> tensors, IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, PeftFile.Weights), tensors, [new("format", "pt"), .. metadata ?? []]);
        PeftFile.WriteText(Path.Combine(folder, PeftFile.Config), config.ToJson());
    }

    /// <summary>The values of a tensor, in single precision.</summary>
    /// <param name="entry">A tensor of this adapter, of less than 2 GiB.</param>
    /// <exception cref="ObjectDisposedException">The adapter is closed.</exception>
    public float[] ToSingles(SafetensorsEntry entry) => ToSingles(_file, entry);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>The values of a floating tensor of any file, in single precision.</summary>
    internal static float[] ToSingles(SafetensorsFile file, SafetensorsEntry entry)
    {
        var bytes = file.Bytes(entry);
        switch (entry.Type)
        {
            case SafetensorsType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(bytes);
                var singles = new float[doubles.Length];
                for (int i = 0; i < singles.Length; i++) singles[i] = (float)doubles[i];
                return singles;
            case SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16:
                var type = entry.Type switch { SafetensorsType.F32 => WeightType.Float32, SafetensorsType.F16 => WeightType.Float16, _ => WeightType.BFloat16 };
                return new WeightTensor(type, [bytes.Length / (entry.Type == SafetensorsType.F32 ? 4 : 2)], bytes).ToSingles();
            default:
                throw new InvalidDataException($"tensor {entry.Name} is {entry.Type}; must be F64, F32, BF16 or F16");
        }
    }

    /// <summary>Notes a tensor of a wrong type or with a number that is not finite.</summary>
    internal static void CheckNumbers(SafetensorsFile file, SafetensorsEntry entry, List<string> problems)
    {
        if (entry.Type is not (SafetensorsType.F64 or SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16))
        {
            problems.Add($"tensor {entry.Name} is {entry.Type}; must be F64, F32, BF16 or F16");
            return;
        }

        if (entry.Length > int.MaxValue)
        {
            problems.Add($"tensor {entry.Name} has {entry.Length} bytes; must have less than 2 GiB");
            return;
        }

        float[] values = ToSingles(file, entry);
        int bad = Array.FindIndex(values, static v => !float.IsFinite(v));
        if (bad >= 0) problems.Add($"tensor {entry.Name}[{bad}] is {values[bad]}; must be finite");
    }

    private static List<PeftLayer> Layout(SafetensorsFile file, PeftLoraConfig config, List<string> problems)
    {
        var parts = new SortedDictionary<string, SafetensorsEntry?[]>(StringComparer.Ordinal);
        foreach (var entry in file.Entries)
        {
            if (Split(entry.Name) is not { } at)
            {
                problems.Add($"tensor {entry.Name} is no tensor of a low-rank adapter");
                continue;
            }

            if (!parts.TryGetValue(at.Path, out var found)) parts.Add(at.Path, found = new SafetensorsEntry?[5]);
            ref var place = ref found[(int)at.Part];
            if (place is not null) problems.Add($"tensor {entry.Name} stands for the same as {place.Name}");
            place = entry;
        }

        var layers = new List<PeftLayer>();
        foreach (var (path, p) in parts)
        {
            bool embedding = p[(int)Part.EmbeddingA] is not null || p[(int)Part.EmbeddingB] is not null;
            var (a, b) = embedding ? (p[(int)Part.EmbeddingA], p[(int)Part.EmbeddingB]) : (p[(int)Part.A], p[(int)Part.B]);
            var magnitude = p[(int)Part.Magnitude];
            if (embedding && (p[(int)Part.A] ?? p[(int)Part.B]) is not null) problems.Add($"layer {path} has tensors of an embedding and of another layer");
            if (a is null || b is null)
            {
                problems.Add($"layer {path} has no {(a is null ? "A" : "B")}");
                continue;
            }

            var spec = config.SpecOf(path);
            // Of a stacked weight with E experts, A has E r rows; how many that is only the model says.
            bool stacked = !config.Covers(path) && config.TargetParameters.Count > 0;
            if (!stacked && !config.Covers(path)) problems.Add($"layer {path} is not among target_modules");
            bool fits = a.Shape.Length == b.Shape.Length && a.Shape.Length is 2 or 4 && JoinsRanks(a.Shape, b.Shape) && (stacked ? a.Shape[0] % spec.Rank == 0 && a.Shape[0] > 0 : a.Shape[0] == spec.Rank);
            if (fits && a.Shape.Length == 4) fits = b.Shape[2] == 1 && b.Shape[3] == 1 && a.Shape[2] > 0 && a.Shape[3] > 0;
            if (!fits) problems.Add($"layer {path}: A is {Shape(a)} and B is {Shape(b)}; must be [{spec.Rank}, ..] and [.., {spec.Rank}], the rank of the configuration");
            else if (spec.Magnitude != (magnitude is not null)) problems.Add($"layer {path} has {(magnitude is null ? "no" : "a")} magnitude; use_dora is {(spec.Magnitude ? "true" : "false")}");
            else if (magnitude is not null && !(magnitude.Shape.Length == 1 ? magnitude.Shape[0] == b.Shape[0] : magnitude.Shape.SequenceEqual([1, b.Shape[0], 1, 1])))
                problems.Add($"layer {path}: the magnitude is {Shape(magnitude)}; must be [{b.Shape[0]}]");
            else layers.Add(new PeftLayer(path, embedding, spec, a, b, magnitude));
        }

        if (parts.Count == 0) problems.Add("the tensor file holds no adapter");
        foreach (string target in config.Targets.Where(t => !parts.Keys.Any(path => PeftLoraConfig.Names(t, path)))) problems.Add($"target_modules names {target}; no tensor is of such a layer");
        return layers;
    }

    private static (string Path, Part Part)? Split(string name)
    {
        if (!name.StartsWith(PeftFile.Prefix, StringComparison.Ordinal)) return null;
        foreach (var (ending, part) in Endings)
        {
            if (name.EndsWith(ending, StringComparison.Ordinal) && name.Length > PeftFile.Prefix.Length + ending.Length) return (name[PeftFile.Prefix.Length..^ending.Length], part);
        }

        return null;
    }

    private static readonly (string, Part)[] Endings =
    [
        (".lora_A.weight", Part.A), (".lora_B.weight", Part.B), (".lora_embedding_A", Part.EmbeddingA), (".lora_embedding_B", Part.EmbeddingB), (".lora_magnitude_vector", Part.Magnitude), (".lora_magnitude_vector.weight", Part.Magnitude),
    ];

    // In a convolution of g groups each output has r / g of the ranks.
    private static bool JoinsRanks(ReadOnlySpan<long> a, ReadOnlySpan<long> b) => a.Length == 4 ? b[1] > 0 && a[0] % b[1] == 0 : a[0] == b[1];

    private static string Shape(SafetensorsEntry entry) => $"[{string.Join(", ", entry.Shape.ToArray())}]";

    private enum Part
    {
        A,
        B,
        EmbeddingA,
        EmbeddingB,
        Magnitude,
    }
}
