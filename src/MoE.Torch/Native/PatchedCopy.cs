using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace MoE.Torch.Native;

/// <summary>
/// Puts the bytes of a patched library into a file and loads it. The file's name carries the hash of what the file must
/// hold, so a copy made for another version of the library is never taken, and a copy that is already there is compared
/// before it is loaded. Files appear by renaming, so that processes which start together each see a whole file.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class PatchedCopy
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly byte[] _content;
    private readonly List<string> _failures = [];

    /// <param name="content">The patched library.</param>
    /// <param name="originalName">The file name of the library that was patched.</param>
    public PatchedCopy(byte[] content, string originalName)
    {
        _content = content;
        string hash = Convert.ToHexStringLower(SHA256.HashData(content))[..16];
        FileName = $"{Path.GetFileNameWithoutExtension(originalName)}.moe-{hash}{Path.GetExtension(originalName)}";
    }

    /// <summary>The name of the copy in every folder.</summary>
    public string FileName { get; }

    /// <summary>The folder of this user that takes copies when an application folder cannot, or null if the user has none.</summary>
    public static string? UserCache
        => Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } root
            ? Path.Combine(root, "MoE.Torch", "native")
            : null;

    /// <summary>Loads the copy from the first place that can hold it.</summary>
    /// <param name="originalFolder">The folder of the original.</param>
    /// <param name="userCache">A folder that is made and kept for this user alone, or null.</param>
    /// <param name="temporaryRoot">The folder for a copy that is deleted as soon as it is loaded.</param>
    /// <exception cref="DllNotFoundException">No place could hold the copy.</exception>
    public nint Load(string originalFolder, string? userCache, string temporaryRoot)
    {
        if (TryLoad(originalFolder, () => originalFolder, out nint handle)
            || userCache is not null && TryLoad(userCache, () => OwnFolder(userCache), out handle)
            || TryLoadOnce(temporaryRoot, out handle))
            return handle;
        throw new DllNotFoundException(
            $"A copy of {FileName.Split(".moe-")[0]} that fits this system's libstdc++ could not be written and loaded: {string.Join("; ", _failures)}.");
    }

    /// <summary>Makes sure that the folder holds the copy, whole, and returns its path.</summary>
    public string Place(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (Holds(path))
            return path;

        string draft = Path.Combine(folder, $".{FileName}.{Guid.NewGuid():N}.tmp");
        try
        {
            File.WriteAllBytes(draft, _content);
            File.Move(draft, path, overwrite: true);
        }
        finally
        {
            File.Delete(draft);
        }
        return path;
    }

    private bool Holds(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true } info && info.Length == _content.Length && NativeFile.Read(path).AsSpan().SequenceEqual(_content);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return false;
        }
    }

    private static string OwnFolder(string folder)
    {
        Directory.CreateDirectory(folder, OwnerOnly);
        // Also refuses a folder of somebody else: only its owner may set the mode.
        File.SetUnixFileMode(folder, OwnerOnly);
        return folder;
    }

    // Temporary folders are shared with other users, so nothing found there is trusted: a new private folder each time.
    // A loaded library no longer needs its file.
    private bool TryLoadOnce(string root, out nint handle)
    {
        string folder = Path.Combine(root, $"MoE.Torch-{Guid.NewGuid():N}");
        bool loaded = TryLoad(root, () => Directory.CreateDirectory(folder, OwnerOnly).FullName, out handle);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        return loaded;
    }

    private bool TryLoad(string label, Func<string> folder, out nint handle)
    {
        handle = 0;
        try
        {
            // Loading fails where the file system forbids execution, so the next place gets its chance then, too.
            handle = NativeLibrary.Load(Place(folder()));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException or BadImageFormatException)
        {
            _failures.Add($"{label} ({NativeLoader.Reason(e)})");
            return false;
        }
    }
}
