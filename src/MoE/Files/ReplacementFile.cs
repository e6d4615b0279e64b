namespace MoE;

/// <summary>A file that appears under its name only when complete. Disposed before <see cref="Commit"/>, it leaves nothing.</summary>
internal sealed class ReplacementFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporary;
    private bool _complete;

    public ReplacementFile(string path)
    {
        _path = Path.GetFullPath(path);
        _temporary = TemporaryName(_path);
        Stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
    }

    public FileStream Stream { get; }

    /// <summary>Where the bytes lie until the file has its name.</summary>
    public string Temporary => _temporary;

    /// <summary>A fresh hidden name in the same folder, so that renaming is atomic.</summary>
    public static string TemporaryName(string path)
    {
        string full = Path.GetFullPath(path);
        return Path.Combine(Path.GetDirectoryName(full) ?? "", $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
    }

    /// <summary>Closes the temporary file with its bytes on the disk.</summary>
    public void Complete()
    {
        if (_complete) return;
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
        _complete = true;
    }

    /// <summary>Gives the file its name.</summary>
    public void Commit()
    {
        Complete();
        File.Move(_temporary, _path, overwrite: true);
    }

    public void Dispose()
    {
        try
        {
            Stream.Dispose();
        }
        finally
        {
            File.Delete(_temporary);
        }
    }
}
