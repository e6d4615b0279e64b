using System.Runtime.InteropServices;

namespace MoE.Torch.Native;

/// <summary>What the operating system's own shared libraries offer.</summary>
internal static class InstalledLibrary
{
    /// <summary>
    /// The symbol versions that the library of this file name offers in this process, or null if that cannot be found out. The
    /// library is loaded, so that the answer is about the file which the dynamic linker will take, whatever the search path.
    /// </summary>
    public static IReadOnlySet<string>? OfferedVersions(string fileName)
    {
        if (!NativeLibrary.TryLoad(fileName, out _))
            return null;
        try
        {
            // A line ends in the path of the mapped file: libstdc++.so.6 is a link to libstdc++.so.6.0.30.
            string? path = File.ReadLines("/proc/self/maps")
                .Select(line => line.IndexOf('/') is >= 0 and var at ? line[at..] : "")
                .FirstOrDefault(path => Path.GetFileName(path).StartsWith(fileName, StringComparison.Ordinal));
            return path is null ? null : ElfImage.Parse(NativeFile.Read(path), fileName).OfferedVersions;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return null;
        }
    }
}
