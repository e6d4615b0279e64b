using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>
/// A model in one safetensors file or in shards with an index (<c>model.safetensors.index.json</c>), as one collection of named tensors. Every shard is opened and checked at once; a missing, extra or doubled
/// tensor is refused with all problems in one message.
/// </summary>
public sealed class SafetensorsCheckpoint : IDisposable
{
    private const int LargestIndex = 100_000_000;

    private readonly SafetensorsFile[] _files;
    private readonly Dictionary<string, (SafetensorsFile File, SafetensorsEntry Entry)> _tensors = new(StringComparer.Ordinal);

    private SafetensorsCheckpoint(SafetensorsFile[] files) => _files = files;

    /// <summary>The shards, in the order of their names.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>All names, in byte order.</summary>
    public IEnumerable<string> Names => _tensors.Keys.Order(StringComparer.Ordinal);

    /// <summary>Opens a model.</summary>
    /// <param name="path">A safetensors file, an index file, or a folder with <c>model.safetensors.index.json</c> or <c>model.safetensors</c>.</param>
    /// <exception cref="InvalidDataException">A file breaks a rule, or the index and the shards do not agree.</exception>
    /// <exception cref="FileNotFoundException">The folder has neither file, or a shard is missing.</exception>
    public static SafetensorsCheckpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            string index = Path.Combine(path, "model.safetensors.index.json"), single = Path.Combine(path, "model.safetensors");
            path = File.Exists(index) ? index : File.Exists(single) ? single
                : throw new FileNotFoundException($"{path} has neither model.safetensors.index.json nor model.safetensors", index);
        }

        return path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? OpenIndex(path) : Open([path], null, path);
    }

    /// <summary>Finds a tensor and the shard that holds it.</summary>
    /// <param name="name">Its name, exactly.</param>
    /// <param name="file">The shard, if found.</param>
    /// <param name="entry">The tensor, if found.</param>
    public bool TryGet(string name, [MaybeNullWhen(false)] out SafetensorsFile file, [MaybeNullWhen(false)] out SafetensorsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(name);
        bool found = _tensors.TryGetValue(name, out var at);
        (file, entry) = at;
        return found;
    }

    /// <summary>Closes all shards. Spans given out are invalid from here on.</summary>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private static SafetensorsCheckpoint OpenIndex(string path)
    {
        var map = ReadIndex(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string[] shards = [.. map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        string[] missing = [.. shards.Where(s => !File.Exists(Path.Combine(folder, s)))];
        if (missing.Length > 0) throw new FileNotFoundException($"{path} names shards that are missing: {string.Join(", ", missing)}", Path.Combine(folder, missing[0]));
        return Open([.. shards.Select(s => Path.Combine(folder, s))], map, path);
    }

    private static SafetensorsCheckpoint Open(string[] paths, Dictionary<string, string>? map, string name)
    {
        var files = new List<SafetensorsFile>();
        try
        {
            foreach (string path in paths) files.Add(SafetensorsFile.Open(path));
            var checkpoint = new SafetensorsCheckpoint([.. files]);
            checkpoint.Collect(map, name);
            return checkpoint;
        }
        catch
        {
            foreach (var file in files) file.Dispose();
            throw;
        }
    }

    private void Collect(Dictionary<string, string>? map, string name)
    {
        var problems = new List<string>();
        foreach (var file in _files)
        {
            foreach (var entry in file.Entries)
            {
                if (!_tensors.TryAdd(entry.Name, (file, entry))) problems.Add($"{entry.Name} is in {Path.GetFileName(_tensors[entry.Name].File.Path)} and in {Path.GetFileName(file.Path)}");
                else if (map is not null && !map.ContainsKey(entry.Name)) problems.Add($"{entry.Name} of {Path.GetFileName(file.Path)} is not in the index");
            }
        }

        foreach (var (tensor, shard) in map ?? [])
        {
            if (!_tensors.TryGetValue(tensor, out var at)) problems.Add($"{tensor} is not in {shard}");
            else if (Path.GetFileName(at.File.Path) != shard) problems.Add($"{tensor} is in {Path.GetFileName(at.File.Path)}, not in {shard}");
        }

        if (problems.Count == 0) return;
        throw new InvalidDataException($"{name}: {string.Join("; ", problems.Take(50))}{(problems.Count > 50 ? $"; and {problems.Count - 50} more" : "")}");
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > LargestIndex) throw new InvalidDataException($"has {stream.Length} bytes; must have at most {LargestIndex}");
            using var document = JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("weight_map", out var weights) || weights.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException("has no object weight_map");
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var property in weights.EnumerateObject())
            {
                string? shard = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null;
                if (shard is null || !IsFileName(shard)) throw new InvalidDataException($"weight_map.{property.Name} is not the name of a file beside the index");
                map.Add(property.Name, shard);
            }

            return map.Count > 0 ? map : throw new InvalidDataException("weight_map is empty");
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    // A shard lies beside its index: no folders, no way out.
    private static bool IsFileName(string shard) =>
        shard.Length is > 0 and <= 255 && shard is not ("." or "..") && shard.AsSpan().IndexOfAny("/\\:\0") < 0 && Rune.DecodeFromUtf16(shard, out _, out _) == System.Buffers.OperationStatus.Done;
}
