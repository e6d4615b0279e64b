using System.IO.Compression;
using System.Reflection;

namespace MoE.Conformance.Runner;

/// <summary>One file as it lies in a folder or an archive.</summary>
/// <param name="Name">Path below the source, with forward slashes.</param>
/// <param name="Read">Gives its bytes; may throw.</param>
internal sealed record CaseFile(string Name, Func<byte[]> Read);

/// <summary>Where cases come from: a folder from outside, or the archives in this assembly.</summary>
internal static class CaseSource
{
    /// <summary>The variable that names a folder to be used instead of the repository's own cases.</summary>
    public const string Variable = "MOE_CONFORMANCE";

    /// <summary>All files, by name.</summary>
    /// <param name="folder">The folder from outside, or null or empty.</param>
    /// <param name="own">Holds the archives, as resources that end in <c>.zip</c>.</param>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public static IReadOnlyList<CaseFile> Files(string? folder, Assembly own) =>
        [.. (string.IsNullOrEmpty(folder) ? Archives(own) : Folder(folder)).OrderBy(static f => f.Name, StringComparer.Ordinal)];

    private static IEnumerable<CaseFile> Folder(string folder)
    {
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = 32,
            IgnoreInaccessible = false,
            AttributesToSkip = 0,
            MatchCasing = MatchCasing.CaseInsensitive,
        };
        return Directory.EnumerateFiles(folder, "*.json", options)
            .Select(path => new CaseFile(Path.GetRelativePath(folder, path).Replace('\\', '/'), () => File.ReadAllBytes(path)));
    }

    private static IEnumerable<CaseFile> Archives(Assembly own)
    {
        foreach (string archive in own.GetManifestResourceNames().Where(static n => n.EndsWith(".zip", StringComparison.Ordinal)))
        {
            using var zip = Open(own, archive);
            foreach (var entry in zip.Entries.Where(static e => e.FullName.EndsWith(".json", StringComparison.Ordinal)))
                yield return new CaseFile(entry.FullName, () => Entry(own, archive, entry.FullName));
        }
    }

    private static ZipArchive Open(Assembly own, string archive) => new(own.GetManifestResourceStream(archive)!, ZipArchiveMode.Read);

    private static byte[] Entry(Assembly own, string archive, string name)
    {
        using var zip = Open(own, archive);
        using var stream = zip.GetEntry(name)!.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
