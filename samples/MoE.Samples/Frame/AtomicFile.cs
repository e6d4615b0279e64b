namespace MoE.Samples.Frame;

/// <summary>Writes a file whole or not at all.</summary>
public static class AtomicFile
{
    /// <summary>Writes bytes under another name beside the file, then renames.</summary>
    /// <exception cref="IOException">The place cannot be written; nothing is left behind.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        string partial = Partial(full);
        try
        {
            using (var stream = new FileStream(partial, FileMode.CreateNew))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(partial, full, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>Makes the folder of a file and finds out whether the file can be written; nothing is left behind.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Probe(string path)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full)) throw new IOException("is a folder");
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        using var probe = new FileStream(Partial(full), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
    }

    /// <summary>Writes text as UTF-8 without a mark.</summary>
    public static void Write(string path, string content) => Write(path, System.Text.Encoding.UTF8.GetBytes(content));

    private static string Partial(string full) => $"{full}.{Environment.ProcessId}.{Guid.NewGuid():N}.part";
}
