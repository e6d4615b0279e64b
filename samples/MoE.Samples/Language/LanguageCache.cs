using System.Security.Cryptography;
using System.Text;
using MoE.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Language;

/// <summary>Trained parts on disk, so that a stopped run goes on where it was and the base model is trained once. A part is known by everything it depends on; a damaged one is made again.</summary>
/// <param name="folder">Where; null: nothing is kept.</param>
public sealed class LanguageCache(string? folder)
{
    /// <summary>The folder of a part, or null where nothing is kept.</summary>
    /// <param name="name">A word, for people.</param>
    /// <param name="depends">All it depends on.</param>
    public string? Place(string name, params ReadOnlySpan<object> depends)
    {
        if (folder is null) return null;
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', depends.ToArray()))))[..16];
        return Path.Combine(folder, $"{name}-{key}");
    }

    /// <summary>Fills a module from a part.</summary>
    /// <returns>False where there is none, or it does not fit.</returns>
    public static bool TryLoad(string? place, nn.Module module)
    {
        string? path = place is null ? null : Path.Combine(place, "model.safetensors");
        if (path is null || !File.Exists(path)) return false;
        try
        {
            using var file = SafetensorsFile.Open(path);
            var state = module.state_dict();
            if (state.Any(s => !file.TryGet(s.Key, out var entry) || entry.Type != SafetensorsType.F32 || !entry.Shape.SequenceEqual(s.Value.shape))) return false;
            using var guard = no_grad();
            foreach (var (name, value) in state) file.Bytes(file.Get(name)).CopyTo(value.bytes);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Keeps a module of single precision as a part.</summary>
    public static void Save(string? place, nn.Module module)
    {
        if (place is null) return;
        Directory.CreateDirectory(place);
        SafetensorsWriter.Write(Path.Combine(place, "model.safetensors"), module.state_dict().Select(static s => new SafetensorsTensor(s.Key, SafetensorsType.F32, s.Value.shape, s.Value.bytes.ToArray())));
    }
}
