using System.Collections.Concurrent;

namespace MoE.Checkpoints;

/// <summary>
/// One mixture-of-experts layer of a checkpoint under the names of <see cref="WeightNames"/>. Opening checks every name, shape and type and reads no weights; numbers are converted when they are asked for, and engines that can
/// (<see cref="MoEFeedForward"/>, <see cref="ManagedMoEEngine"/>) take them expert by expert from the mapped file. A number that is not finite is refused with the tensors that hold one.
/// Valid as long as the checkpoint is open; safe for concurrent readers.
/// </summary>
public sealed class CheckpointLayer : IWeightSource, IWeightParts
{
    private const int MostProblems = 50;

    private readonly Dictionary<(string Name, int Expert), (StoredTensor Tensor, StoredShare Share, long Start)> _places = [];
    private readonly Dictionary<string, TensorReader> _readers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int[]> _shapes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, WeakReference<byte[]>> _gathered = new(StringComparer.Ordinal);
    private readonly string _where;

    private CheckpointLayer(string where, MoELayerSpec spec, string form, string block)
    {
        _where = where;
        Spec = spec;
        Form = form;
        Block = block;
    }

    /// <summary>The layer.</summary>
    public MoELayerSpec Spec { get; }

    /// <summary>The form of its layout (<see cref="CheckpointLayout.Forms"/>).</summary>
    public string Form { get; }

    /// <summary>What the names of its tensors begin with.</summary>
    public string Block { get; }

    /// <summary>Only the router was opened.</summary>
    public bool IsRouterOnly { get; private init; }

    /// <summary>The tensors of the checkpoint that it consists of, scales of quantised ones included.</summary>
    public IReadOnlyList<SafetensorsEntry> Tensors { get; private set; } = [];

    /// <inheritdoc/>
    public IEnumerable<string> Names => _shapes.Keys;

    /// <summary>Finds a layer in a checkpoint by a layout and a specification; <see cref="HuggingFaceCheckpoint"/> has both from <c>config.json</c>.</summary>
    /// <param name="tensors">The checkpoint; it must stay open.</param>
    /// <param name="layout">Of the model's family.</param>
    /// <param name="spec">The layer.</param>
    /// <param name="layer">Its number among the model's layers, not negative.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="InvalidDataException">Tensors are missing, unknown, misshapen or of a type that is not read: all of them are named.</exception>
    public static CheckpointLayer Open(SafetensorsCheckpoint tensors, CheckpointLayout layout, MoELayerSpec spec, int layer = 0)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        return Open(tensors, [.. tensors.Names], Path.GetDirectoryName(tensors.Files[0].Path)!, layout, spec.Checked(), layer, CheckpointQuantization.None, routerOnly: false);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The tensor has 2 GiB or more; read it expert by expert.</exception>
    /// <exception cref="InvalidDataException">Numbers are not finite; the tensors are named.</exception>
    /// <remarks>Gathered from the file into memory that stays as long as it is used, of the type that the checkpoint has if that is BF16 or F16, and single precision otherwise.</remarks>
    public bool TryGet(string name, out WeightTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        tensor = default;
        if (!_shapes.TryGetValue(name, out int[]? shape)) return false;
        var type = TypeOf(name);
        // Whoever takes a tensor piece by piece asks for it again and again; it stays as long as memory is not short.
        byte[] bytes = _gathered.TryGetValue(name, out var kept) && kept.TryGetTarget(out byte[]? before) ? before : Gather(name, shape, type);
        tensor = new WeightTensor(type switch { SafetensorsType.F32 => WeightType.Float32, SafetensorsType.BF16 => WeightType.BFloat16, _ => WeightType.Float16 }, shape, bytes);
        return true;
    }

    private byte[] Gather(string name, int[] shape, SafetensorsType type)
    {
        int width = type == SafetensorsType.F32 ? 4 : 2, shares = WeightNames.IsStacked(name) ? shape[0] : 1;
        long count = shape.Aggregate(1L, static (n, d) => n * d);
        if (count * width > Array.MaxLength) throw new ArgumentException($"name = {name}: [{string.Join(", ", shape)}] has {count * width} bytes, more than one piece of memory holds; read it expert by expert", nameof(name));
        byte[] bytes = new byte[count * width];
        var share = new float[count / shares];
        for (int e = 0; e < shares; e++)
        {
            Read(name, e, share);
            LayerExport.Encode(share, type, bytes.AsSpan(e * share.Length * width, share.Length * width));
        }

        _gathered[name] = new WeakReference<byte[]>(bytes);
        return bytes;
    }

    /// <summary>Reads a tensor, or one expert's share of a stacked one, in single precision.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="expert">The expert; 0 for a tensor that is not stacked by experts.</param>
    /// <param name="destination">As many numbers as the share has.</param>
    /// <exception cref="ArgumentException">There is no such tensor or expert, or the length is wrong.</exception>
    /// <exception cref="InvalidDataException">Numbers of the layer are not finite; the tensors are named.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint is closed.</exception>
    public void Read(string name, int expert, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!_places.TryGetValue((name, expert), out var at)) throw new ArgumentException($"name = {name}, expert = {expert}: the layer has no such tensor or expert", nameof(name));
        if (destination.Length != at.Share.Count) throw new ArgumentException($"destination has {destination.Length} places; {name} of one expert needs {at.Share.Count}", nameof(destination));
        at.Share.Read(_readers[at.Tensor.Name], at.Start, destination);
        if (destination.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue) >= 0) throw NotFinite();
    }

    /// <summary>Reads every number.</summary>
    /// <exception cref="InvalidDataException">Numbers are not finite; the tensors are named.</exception>
    public void Verify()
    {
        if (Bad().Count > 0) throw NotFinite();
    }

    int[]? IWeightParts.ShapeOf(string name) => _shapes.GetValueOrDefault(name);

    /// <summary>BF16 or F16 where the checkpoint has it, otherwise F32: the smallest type that holds the numbers.</summary>
    internal SafetensorsType TypeOf(string name)
    {
        int shares = WeightNames.IsStacked(name) ? _shapes[name][0] : 1;
        SafetensorsType? all = null;
        for (int e = 0; e < shares; e++)
        {
            var reader = _readers[_places[(name, e)].Tensor.Name];
            var type = reader.IsPlain ? reader.Type : SafetensorsType.F32;
            if (all is { } other && other != type) return SafetensorsType.F32;
            all = type;
        }

        return all ?? SafetensorsType.F32;
    }

    internal static CheckpointLayer Open(SafetensorsCheckpoint checkpoint, string[] names, string where, CheckpointLayout layout, MoELayerSpec spec, int layer, CheckpointQuantization quantization, bool routerOnly)
    {
        var needed = WeightNames.Of(spec).Where(n => !routerOnly || IsRouter(n.Name)).ToArray();
        (LayoutForm Form, string Block, IReadOnlyList<StoredTensor> Tensors)? best = null;
        int most = 0;
        foreach (var candidate in layout.Candidates(spec, layer, prefix => Below(names, prefix + '\uffff') - Below(names, prefix)))
        {
            int found = candidate.Tensors.Count(t => checkpoint.TryGet(t.IsPacked ? t.Name + "_blocks" : t.Name, out _, out _));
            if (found > most) (best, most) = (candidate, found);
        }

        if (best is not { } form)
            throw new InvalidDataException($"{where}: layer {layer}: no tensor of a mixture of {spec.Router.Experts} experts as {layout.Name} has them begins with {string.Join(" or ", layout.Blocks(layer))}");
        var opened = new CheckpointLayer(where, spec, form.Form.Name, form.Block) { IsRouterOnly = routerOnly };
        foreach (var (name, shape) in needed) opened._shapes.Add(name, shape);
        var problems = opened.Take(checkpoint, form.Tensors.Where(t => !routerOnly || IsRouter(t.Shares[0].Name)), quantization);
        if (!routerOnly) problems.AddRange(Unknown(names, form.Form, form.Block, form.Tensors));
        if (problems.Count > 0) throw new InvalidDataException($"{where}: layer {layer}: {quantization.Notice}{Listed(problems)}");
        return opened;
    }

    internal static bool IsRouter(string name) => name is WeightNames.Router or WeightNames.RouterBias or WeightNames.SelectionBias;

    internal static string Listed(IReadOnlyCollection<string> problems) =>
        string.Join("; ", problems.Take(MostProblems)) + (problems.Count > MostProblems ? $"; and {problems.Count - MostProblems} more" : "");

    private List<string> Take(SafetensorsCheckpoint checkpoint, IEnumerable<StoredTensor> tensors, CheckpointQuantization quantization)
    {
        var problems = new List<string>();
        var entries = new List<SafetensorsEntry>();
        foreach (var tensor in tensors)
        {
            var reader = tensor.IsPacked ? Packed(checkpoint, tensor, entries, problems) : Plain(checkpoint, tensor, quantization, entries, problems);
            if (reader is null) continue;
            _readers.Add(tensor.Name, reader);
            foreach (var (share, expert, start) in tensor.Places()) _places.Add((share.Name, expert), (tensor, share, start));
        }

        Tensors = entries;
        return problems;
    }

    private static TensorReader? Plain(SafetensorsCheckpoint checkpoint, StoredTensor tensor, CheckpointQuantization quantization, List<SafetensorsEntry> entries, List<string> problems)
    {
        if (!Find(checkpoint, tensor.Name, [tensor.Shape, .. tensor.OtherShapes], entries, problems, out var file, out var entry)) return null;
        if (TensorReader.IsPlainType(entry.Type)) return new TensorReader(file, entry);
        if (entry.Type != SafetensorsType.F8E4M3 || tensor.Shape.Length != 2)
        {
            problems.Add($"{tensor.Name} is {SafetensorsTypes.Name(entry.Type)}; must be F32, BF16 or F16{(tensor.Shape.Length == 2 ? ", or F8_E4M3 with scales" : "")}");
            return null;
        }

        var block = quantization.Block ?? CheckpointQuantization.DefaultBlock;
        if (!Find(checkpoint, tensor.Name + "_scale_inv", [tensor.BlockScales(block)], entries, problems, out var scaleFile, out var scales)) return null;
        if (TensorReader.IsPlainType(scales.Type) || scales.Type == SafetensorsType.F8E8M0) return TensorReader.Blocked(file, entry, TensorReader.Scales(scaleFile, scales), block.Rows, block.Columns);
        problems.Add($"{scales.Name} is {SafetensorsTypes.Name(scales.Type)}; must be F32, BF16, F16 or F8_E8M0");
        return null;
    }

    private static TensorReader? Packed(SafetensorsCheckpoint checkpoint, StoredTensor tensor, List<SafetensorsEntry> entries, List<string> problems)
    {
        bool blocksFound = Find(checkpoint, tensor.Name + "_blocks", [tensor.BlocksShape], entries, problems, out var file, out var blocks);
        bool scalesFound = Find(checkpoint, tensor.Name + "_scales", [tensor.ScalesShape], entries, problems, out var scaleFile, out var scales);
        if (!blocksFound || !scalesFound) return null;
        if (blocks!.Type == SafetensorsType.U8 && scales!.Type is SafetensorsType.U8 or SafetensorsType.F8E8M0) return TensorReader.Packed(file!, blocks, TensorReader.Scales(scaleFile!, scales));
        problems.Add($"{blocks.Name} is {SafetensorsTypes.Name(blocks.Type)} and {scales!.Name} is {SafetensorsTypes.Name(scales.Type)}; must be U8");
        return null;
    }

    private static bool Find(SafetensorsCheckpoint checkpoint, string name, long[][] shapes, List<SafetensorsEntry> entries, List<string> problems, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SafetensorsFile? file, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SafetensorsEntry? entry)
    {
        if (!checkpoint.TryGet(name, out file, out entry))
        {
            problems.Add($"{name} is missing; must be [{string.Join(", ", shapes[0])}]");
            return false;
        }

        foreach (long[] shape in shapes)
        {
            if (!entry.Shape.SequenceEqual(shape)) continue;
            entries.Add(entry);
            return true;
        }

        problems.Add($"{name} is [{string.Join(", ", entry.Shape.ToArray())}]; must be {string.Join(" or ", shapes.Select(static s => $"[{string.Join(", ", s)}]"))}");
        return false;
    }

    // How many of the sorted names stand before a text.
    private static int Below(string[] names, string text)
    {
        int at = Array.BinarySearch(names, text, StringComparer.Ordinal);
        return at < 0 ? ~at : at;
    }

    // What begins like the layer's tensors and is none: other experts, biases, scales of a quantisation that is not read.
    private static IEnumerable<string> Unknown(string[] names, LayoutForm form, string block, IReadOnlyList<StoredTensor> tensors)
    {
        if (block.Length == 0) yield break;
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in tensors)
            foreach (string end in (ReadOnlySpan<string>)(tensor.IsPacked ? ["_blocks", "_scales"] : ["", "_scale_inv"])) known.Add(tensor.Name + end);
        for (int i = Below(names, block); i < names.Length && names[i].StartsWith(block, StringComparison.Ordinal); i++)
        {
            if (!known.Contains(names[i]) && form.Own.Any(own => names[i].AsSpan(block.Length).StartsWith(own, StringComparison.Ordinal))) yield return $"{names[i]} is no tensor of such a layer";
        }
    }

    private List<string> Bad()
    {
        var bad = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        float[] buffer = [];
        foreach (var (tensor, share, start) in _places.Values)
        {
            if (buffer.Length < share.Count) buffer = new float[share.Count];
            var values = buffer.AsSpan(0, share.Count);
            share.Read(_readers[tensor.Name], start, values);
            int at = values.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
            if (at >= 0 && seen.Add(tensor.Name)) bad.Add($"{tensor.Name}[{share.PlaceOf(start, at)}] is {values[at].ToString(System.Globalization.CultureInfo.InvariantCulture)}");
        }

        return bad;
    }

    private InvalidDataException NotFinite() => new($"{_where}: {Listed(Bad())}; weights must be finite");
}
