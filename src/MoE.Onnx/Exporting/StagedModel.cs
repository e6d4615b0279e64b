namespace MoE.Onnx;

/// <summary>A model written into a hidden folder beside its target, where it can be run under its own name before anybody sees it. Disposed before <see cref="Commit"/>, it leaves nothing.</summary>
internal sealed class StagedModel : IDisposable
{
    private readonly string _target;
    private readonly string _folder;

    public StagedModel(string target)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        _target = System.IO.Path.GetFullPath(target);
        if (Directory.Exists(_target)) throw new IOException($"{_target} is a folder; must be a file");
        string parent = System.IO.Path.GetDirectoryName(_target)!;
        if (!Directory.Exists(parent)) throw new DirectoryNotFoundException($"there is no folder {parent}");
        _folder = ReplacementFile.TemporaryName(_target);
        Directory.CreateDirectory(_folder);
        Path = System.IO.Path.Combine(_folder, System.IO.Path.GetFileName(_target));
    }

    /// <summary>Where the model is written.</summary>
    public string Path { get; }

    /// <summary>Gives the files their names.</summary>
    public IReadOnlyList<OnnxExportedFile> Commit()
    {
        string data = Path + OnnxWriter.DataSuffix, target = _target + OnnxWriter.DataSuffix;
        bool hasData = File.Exists(data);
        OnnxWriter.Publish(Path, hasData ? data : null, _target);
        string[] files = hasData ? [_target, target] : [_target];
        return [.. files.Select(static f => new OnnxExportedFile(f, new FileInfo(f).Length))];
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }
}
