using System.Buffers.Binary;

namespace MoE.Torch.Native;

/// <summary>
/// Makes a library acceptable to an older libstdc++ where that is safe. GCC 13 puts a link-time marker into every library
/// that includes <c>&lt;iostream&gt;</c>; it names GLIBCXX_3.4.32, which libstdc++ 12 lacks, and nothing ever calls it. The
/// dynamic linker refuses such a library all the same, unless the version need is marked weak.
/// </summary>
internal static class WeakVersions
{
    private const string StandardLibrary = "libstdc++.so.6";

    /// <summary>Marks the unused version needs that this system does not offer as weak.</summary>
    /// <param name="original">The library's bytes; they are not changed.</param>
    /// <param name="name">The library's file name, for messages.</param>
    /// <param name="offered">The versions that the installed library of a given file name offers, or null if they are not known.</param>
    /// <returns>A changed copy, or null if the library lacks no version.</returns>
    /// <exception cref="DllNotFoundException">A version is missing that the library really uses.</exception>
    /// <exception cref="InvalidDataException">The library is malformed.</exception>
    public static byte[]? Apply(ReadOnlyMemory<byte> original, string name, Func<string, IReadOnlySet<string>?> offered)
    {
        var image = ElfImage.Parse(original, name);
        List<ElfVersionNeed> unused = [];
        // Finding out what a library offers means reading it: once each.
        foreach (var needs in image.VersionNeeds.GroupBy(need => need.Library))
        {
            if (offered(needs.Key) is not { } versions)
                continue;
            foreach (var need in needs.Where(need => (need.Flags & ElfImage.WeakFlag) == 0 && !versions.Contains(need.Version)))
            {
                if (need.Library != StandardLibrary || !need.Version.StartsWith("GLIBCXX_", StringComparison.Ordinal) || image.IsUsed(need.Index))
                    throw new DllNotFoundException(Explain(name, need, versions));
                unused.Add(need);
            }
        }
        if (unused.Count == 0)
            return null;

        byte[] copy = original.ToArray();
        foreach (var need in unused)
            BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan(need.FlagsOffset), (ushort)(need.Flags | ElfImage.WeakFlag));
        return copy;
    }

    private static string Explain(string name, ElfVersionNeed need, IReadOnlySet<string> versions)
    {
        string family = need.Version[..(need.Version.LastIndexOf('_') + 1)];
        string newest = versions.Where(v => v.StartsWith(family, StringComparison.Ordinal) && Number(v) is not null)
            .MaxBy(Number) ?? "no such version";
        string remedy = need.Library == StandardLibrary
            ? "install a newer libstdc++ (GCC runtime)"
            : "use a newer release of the operating system";
        return $"{name} needs {need.Version} of {need.Library}, but this system offers {newest}: {remedy}.";

        Version? Number(string version) => Version.TryParse(version[family.Length..], out var number) ? number : null;
    }
}
