using System.Globalization;
using System.Text;

namespace MoE.Checkpoints;

/// <summary>
/// A folder as Hugging Face models are published: <c>config.json</c> beside <c>model.safetensors</c> or its shards and index. Gives the mixture-of-experts layers, checked against the configuration, as weights for every engine.
/// The files stay mapped; nothing is copied until a weight is asked for.
/// </summary>
/// <example><code>
/// using var model = HuggingFaceCheckpoint.Open("models/OLMoE-1B-7B-0924");
/// using var engine = new ManagedMoEEngine(model.Config.Layers[3]!, model.Layer(3), precision: new ExpertPrecision(WeightFormat.Int8PerBlock));
/// </code></example>
public sealed class HuggingFaceCheckpoint : IDisposable
{
    private readonly string[] _names;

    private HuggingFaceCheckpoint(string folder, HuggingFaceConfig config, SafetensorsCheckpoint tensors)
    {
        Folder = folder;
        Config = config;
        Tensors = tensors;
        _names = [.. tensors.Names];
    }

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>What <c>config.json</c> says.</summary>
    public HuggingFaceConfig Config { get; }

    /// <summary>All tensors.</summary>
    public SafetensorsCheckpoint Tensors { get; }

    /// <summary>The numbers of the layers that are mixtures of experts, ascending.</summary>
    public IReadOnlyList<int> MoELayers => Config.MoELayers;

    /// <summary>Opens a folder. Whether the weights are those of the configuration is checked layer by layer, or by <see cref="Problems"/>.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="InvalidDataException">A file is damaged or breaks a rule; the message begins with it.</exception>
    /// <exception cref="IOException">A file or the folder is missing or cannot be read; of an index, all missing shards are named.</exception>
    public static HuggingFaceCheckpoint Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"folder = {folder}: there is no such folder");
        HuggingFaceConfig config;
        try
        {
            config = HuggingFaceConfig.Load(folder);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{folder}: {e.Message}", e);
        }

        return new HuggingFaceCheckpoint(folder, config, SafetensorsCheckpoint.Open(folder));
    }

    /// <summary>The weights of a layer.</summary>
    /// <param name="layer">One of <see cref="MoELayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
    /// <exception cref="InvalidDataException">Tensors are missing, unknown, misshapen or of a type that is not read: all of them are named.</exception>
    public CheckpointLayer Layer(int layer) => Open(layer, routerOnly: false);

    /// <summary>The router of a layer alone: its tensors must be there, experts need not be.</summary>
    /// <param name="layer">One of <see cref="MoELayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
    /// <exception cref="InvalidDataException">Tensors of the router are missing, misshapen, of a type that is not read, or not finite: all of them are named.</exception>
    public LinearGate Router(int layer)
    {
        var weights = Open(layer, routerOnly: true);
        float[]? Values(string name) => weights.TryGet(name, out var tensor) ? tensor.ToSingles() : null;
        return new LinearGate(weights.Spec.Router, Values(WeightNames.Router)!, Values(WeightNames.RouterBias), Values(WeightNames.SelectionBias));
    }

    /// <summary>The router of a layer as weights; <see cref="CheckpointLayer.IsRouterOnly"/>.</summary>
    /// <param name="layer">One of <see cref="MoELayers"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
    /// <exception cref="InvalidDataException">Tensors of the router are missing, misshapen or of a type that is not read: all of them are named.</exception>
    public CheckpointLayer RouterWeights(int layer) => Open(layer, routerOnly: true);

    /// <summary>Where configuration and weights do not agree: a line per layer, naming all of its tensors; empty where they do. No weights are read.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        for (int i = 0; i < Config.Layers.Count; i++)
        {
            try
            {
                if (Config.Layers[i] is not null) Layer(i);
                else if (ExpertOf(i) is { } name) problems.Add($"{Folder}: layer {i}: is dense by config.json; the checkpoint has {name}");
            }
            catch (InvalidDataException e)
            {
                problems.Add(e.Message);
            }
        }

        return problems;
    }

    /// <summary>Writes layers as a folder that <see cref="Open(string)"/> reads: <c>config.json</c> last, each file under its name only when complete. Only mixture-of-experts layers are written; this library holds no others.</summary>
    /// <param name="folder">Made if need be.</param>
    /// <param name="config">The text of <c>config.json</c>: family, sizes and the number of layers.</param>
    /// <param name="layers">Weights by layer, each of the configuration's <see cref="HuggingFaceConfig.MoELayers"/>.</param>
    /// <param name="type">F32, BF16 or F16; null: that of the source, tensor by tensor.</param>
    /// <param name="form">One of the layout's <see cref="CheckpointLayout.Forms"/>; null: the first that is written.</param>
    /// <param name="shardBytes">The largest shard, in bytes of tensors, positive; a tensor is not divided.</param>
    /// <param name="progress">Told the share that is written, 0..1.</param>
    /// <param name="cancellation">Stops between tensors and experts; shards that are complete then stay, without a configuration.</param>
    /// <exception cref="InvalidDataException">The configuration is refused.</exception>
    /// <exception cref="ArgumentException">A layer is dense or not there, or its tensors do not fit; all of them are named.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static void Write(string folder, string config, IReadOnlyDictionary<int, IWeightSource> layers, SafetensorsType? type = null, string? form = null, long shardBytes = 5_000_000_000, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shardBytes);
        var parsed = HuggingFaceConfig.Parse(config);
        var layout = parsed.Layout;
        form ??= layout.Forms.First(static f => f != "packed");
        var tensors = new List<SafetensorsTensor>();
        long all = 0, done = 0;
        foreach (var (layer, weights) in layers.OrderBy(static l => l.Key)) tensors.AddRange(layout.Export(SpecOf(parsed, layer), layer, weights, type, form, Written));
        all = tensors.Sum(static t => t.Length);
        Directory.CreateDirectory(folder);
        var shards = Shards(tensors, shardBytes);
        if (shards.Count == 1)
        {
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), shards[0], [new("format", "pt")]);
            // An index goes before a single file, so an older one would hide it.
            File.Delete(Path.Combine(folder, "model.safetensors.index.json"));
        }
        else WriteShards(folder, shards);
        PeftFile.WriteText(Path.Combine(folder, "config.json"), config);

        void Written(long bytes)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report((double)(done += bytes) / all);
        }
    }

    /// <summary>Closes all files. Weights given out can no longer be read.</summary>
    public void Dispose() => Tensors.Dispose();

    private CheckpointLayer Open(int layer, bool routerOnly) =>
        CheckpointLayer.Open(Tensors, _names, Folder, Config.Layout, SpecOf(Config, layer), layer, Config.Quantization, routerOnly);

    private static MoELayerSpec SpecOf(HuggingFaceConfig config, int layer)
    {
        if (layer < 0 || layer >= config.Layers.Count) throw new ArgumentOutOfRangeException(nameof(layer), layer, $"the model has layers 0..{config.Layers.Count - 1}");
        return config.Layers[layer] ?? throw new ArgumentOutOfRangeException(nameof(layer), layer, $"is dense by config.json; the mixtures are {string.Join(", ", config.MoELayers)}");
    }

    // A tensor of experts in a layer that should have none. Shared experts alone do not make a mixture.
    private string? ExpertOf(int layer)
    {
        foreach (string block in Config.Layout.Blocks(layer))
        {
            string experts = block + "experts.";
            int at = Array.BinarySearch(_names, experts, StringComparer.Ordinal);
            if (at < 0) at = ~at;
            if (at < _names.Length && _names[at].StartsWith(experts, StringComparison.Ordinal)) return _names[at];
        }

        return null;
    }

    private static List<List<SafetensorsTensor>> Shards(List<SafetensorsTensor> tensors, long most)
    {
        List<List<SafetensorsTensor>> shards = [[]];
        long bytes = 0;
        foreach (var tensor in tensors)
        {
            if (shards[^1].Count > 0 && bytes + tensor.Length > most)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(tensor);
            bytes += tensor.Length;
        }

        return shards;
    }

    private static void WriteShards(string folder, List<List<SafetensorsTensor>> shards)
    {
        var index = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors");
            SafetensorsWriter.Write(Path.Combine(folder, name), shards[i], [new("format", "pt")]);
            foreach (var tensor in shards[i]) index.Add(tensor.Name, name);
        }

        string json = PeftFile.ToJson(json =>
        {
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", shards.Sum(static s => s.Sum(static t => t.Length)));
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach (var (tensor, shard) in index) json.WriteString(tensor, shard);
            json.WriteEndObject();
        });
        PeftFile.WriteText(Path.Combine(folder, "model.safetensors.index.json"), json);
    }
}
