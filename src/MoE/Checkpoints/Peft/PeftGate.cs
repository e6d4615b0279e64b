using System.Globalization;

namespace MoE.Checkpoints;

/// <summary>
/// An X-LoRA gate in PEFT's layout: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, tensors <c>base_model.internal_xlora_classifier.layers.N.weight</c> and <c>.bias</c>, where N counts
/// what lies between the linear layers too. The layout of the authors' own code is read as well: <c>xlora_config.json</c> and <c>xlora_classifier.safetensors</c>, tensors <c>inner.N.weight</c> and <c>last.weight</c>.
/// </summary>
public sealed class PeftGate : IDisposable
{
    private const string Marker = "internal_xlora_classifier.layers.";

    private readonly SafetensorsFile _file;
    private readonly string _folder;
    private readonly bool _original;

    private PeftGate(string folder, PeftXLoraConfig config, SafetensorsFile file, bool original = false) => (_folder, Config, _file, _original) = (folder, config, file, original);

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
            if (OriginalXLora.Is(folder)) return OpenOriginal(folder);
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

    /// <summary>The linear layers of the gate, first to last, in single precision; no bias where the gate has none.</summary>
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
            if ((_original ? OriginalXLora.Split(entry.Name) : Split(entry.Name)) is not { } at)
            {
                problems.Add($"tensor {entry.Name} is no tensor of a gate");
                continue;
            }

            byPlace.TryGetValue(at.Place, out var found);
            byPlace[at.Place] = at.IsWeight ? (entry, found.Bias) : (found.Weight, entry);
        }

        if (byPlace.Count != spec.Depth) problems.Add($"the gate has {byPlace.Count} linear layers; xlora_depth is {spec.Depth}");
        var layers = new List<(float[], float[])>();
        int d = 0;
        foreach (var (place, (weight, bias)) in byPlace)
        {
            long inputs = d == 0 ? spec.Hidden : spec.Width, outputs = d == spec.Depth - 1 ? (long)spec.Adapters * (spec.LayerWise ? spec.Layers : 1) : spec.Width;
            d++;
            string which = place == int.MaxValue ? "the last layer" : $"layer {place}";
            if (weight is null || (bias is null && spec.Bias)) problems.Add($"{which} of the gate has no {(weight is null ? "weight" : "bias")}");
            else if (bias is not null && !spec.Bias) problems.Add($"{which} of the gate has a bias; use_bias is false");
            else if (!weight.Shape.SequenceEqual([outputs, inputs]) || (bias is not null && !bias.Shape.SequenceEqual([outputs])))
                problems.Add($"{which} of the gate is {weight}{(bias is null ? "" : $" and {bias}")}; must be [{outputs}, {inputs}]{(bias is null ? "" : $" and [{outputs}]")} for {spec.Adapters} adapters on {spec.Layers} layers");
            else if (problems.Count == 0) layers.Add((PeftAdapter.ToSingles(_file, weight), bias is null ? [] : PeftAdapter.ToSingles(_file, bias)));
        }

        return problems.Count == 0 ? layers : throw new InvalidDataException($"{_folder}: {string.Join("; ", problems.Take(50))}");
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static PeftGate OpenOriginal(string folder)
    {
        string json = PeftFile.ReadText(Path.Combine(folder, OriginalXLora.Config));
        var file = SafetensorsFile.Open(Path.Combine(folder, OriginalXLora.Weights));
        try
        {
            return new PeftGate(folder, OriginalXLora.Parse(json, file.Entries.Any(static e => e.Name.EndsWith(".bias", StringComparison.Ordinal))), file, original: true);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static (int Place, bool IsWeight)? Split(string name)
    {
        int at = name.IndexOf(Marker, StringComparison.Ordinal);
        string[] parts = at < 0 ? [] : name[(at + Marker.Length)..].Split('.');
        return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int place) && parts[1] is "weight" or "bias" ? (place, parts[1] == "weight") : null;
    }
}
