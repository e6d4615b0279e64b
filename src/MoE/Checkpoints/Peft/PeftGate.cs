using System.Globalization;

namespace MoE.Checkpoints;

/// <summary>
/// An X-LoRA gate in PEFT's layout: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, tensors <c>base_model.internal_xlora_classifier.layers.N.weight</c> and <c>.bias</c>, where N counts
/// what lies between the linear layers too.
/// </summary>
public sealed class PeftGate : IDisposable
{
    private const string Marker = "internal_xlora_classifier.layers.";

    private readonly SafetensorsFile _file;
    private readonly string _folder;

    private PeftGate(string folder, PeftXLoraConfig config, SafetensorsFile file) => (_folder, Config, _file) = (folder, config, file);

    /// <summary>What its configuration says.</summary>
    public PeftXLoraConfig Config { get; }

    /// <summary>Opens a gate.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="InvalidDataException">A file is damaged or breaks a rule.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static PeftGate Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            var config = PeftXLoraConfig.Parse(PeftFile.ReadText(Path.Combine(folder, PeftFile.Config)));
            return new PeftGate(folder, config, SafetensorsFile.Open(Path.Combine(folder, PeftFile.Weights)));
        }
        catch (InvalidDataException e) when (!e.Message.StartsWith(folder, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{folder}: {e.Message}", e);
        }
    }

    /// <summary>Writes a gate: the folder is made if need be, the configuration last, each file under its name only when complete.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="tensors">Named as this class says.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(string folder, PeftXLoraConfig config, IEnumerable<SafetensorsTensor> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, PeftFile.Weights), tensors, [new("format", "pt")]);
        PeftFile.WriteText(Path.Combine(folder, PeftFile.Config), config.ToJson());
    }

    /// <summary>The linear layers of the gate, first to last, in single precision.</summary>
    /// <param name="spec">The gate with the model's number of layers; see <see cref="PeftXLoraConfig.WithLayers"/>.</param>
    /// <exception cref="InvalidDataException">Tensors are missing, unknown, misshapen or not finite: all of them are named.</exception>
    public IReadOnlyList<(float[] Weight, float[] Bias)> Layers(XLoraSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var problems = new List<string>();
        var byPlace = new SortedDictionary<int, (SafetensorsEntry? Weight, SafetensorsEntry? Bias)>();
        foreach (var entry in _file.Entries)
        {
            PeftAdapter.CheckNumbers(_file, entry, problems);
            int at = entry.Name.IndexOf(Marker, StringComparison.Ordinal);
            string[] parts = at < 0 ? [] : entry.Name[(at + Marker.Length)..].Split('.');
            if (parts.Length != 2 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int place) || parts[1] is not ("weight" or "bias"))
            {
                problems.Add($"tensor {entry.Name} is no tensor of a gate");
                continue;
            }

            byPlace.TryGetValue(place, out var found);
            byPlace[place] = parts[1] == "weight" ? (entry, found.Bias) : (found.Weight, entry);
        }

        if (byPlace.Count != spec.Depth) problems.Add($"the gate has {byPlace.Count} linear layers; xlora_depth is {spec.Depth}");
        var layers = new List<(float[], float[])>();
        int d = 0;
        foreach (var (place, (weight, bias)) in byPlace)
        {
            long inputs = d == 0 ? spec.Hidden : spec.Width, outputs = d == spec.Depth - 1 ? (long)spec.Adapters * (spec.LayerWise ? spec.Layers : 1) : spec.Width;
            d++;
            if (weight is null || bias is null) problems.Add($"layer {place} of the gate has no {(weight is null ? "weight" : "bias")}");
            else if (!weight.Shape.SequenceEqual([outputs, inputs]) || !bias.Shape.SequenceEqual([outputs]))
                problems.Add($"layer {place} of the gate is {weight} and {bias}; must be [{outputs}, {inputs}] and [{outputs}] for {spec.Adapters} adapters on {spec.Layers} layers");
            else if (problems.Count == 0) layers.Add((PeftAdapter.ToSingles(_file, weight), PeftAdapter.ToSingles(_file, bias)));
        }

        return problems.Count == 0 ? layers : throw new InvalidDataException($"{_folder}: {string.Join("; ", problems.Take(50))}");
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();
}
