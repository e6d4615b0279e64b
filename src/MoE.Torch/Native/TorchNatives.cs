using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace MoE.Torch.Native;

/// <summary>Finds TorchSharp's native library and those it needs, and loads them.</summary>
internal sealed class TorchNatives
{
    /// <summary>The file that TorchSharp brings.</summary>
    public const string FileName = "libLibTorchSharp.so";

    /// <summary>The libtorch that goes with the TorchSharp which this library is built against.</summary>
    public const string LibTorchVersion = "2.10.0";

    private readonly IReadOnlyList<string> _folders;

    /// <param name="folders">Where to look, in this order.</param>
    public TorchNatives(IEnumerable<string> folders) => _folders = [.. folders.Distinct().Where(Directory.Exists)];

    /// <summary>The runtime identifier whose natives this process can load.</summary>
    public static string Rid => $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    /// <summary>
    /// The folders in which an application of any kind keeps its natives: those that the host searches (package folders among
    /// them), the application's and the assemblies' own.
    /// </summary>
    public static IEnumerable<string> SearchFolders(params Assembly[] assemblies)
    {
        string searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        IEnumerable<string> own = assemblies.Select(assembly => Path.GetDirectoryName(assembly.Location)).OfType<string>().Append(AppContext.BaseDirectory);
        return searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Concat(own.SelectMany(folder => (string[])[Path.Combine(folder, "runtimes", Rid, "native"), folder]))
            .Select(Path.TrimEndingDirectorySeparator);
    }

    /// <summary>Loads the library, patched if it must be.</summary>
    /// <returns>The handle of the loaded library.</returns>
    /// <exception cref="DllNotFoundException">Something is missing; the message says what, in one sentence.</exception>
    /// <exception cref="InvalidDataException">The library is malformed.</exception>
    [SupportedOSPlatform("linux")]
    public nint Load()
    {
        string original = Find(FileName)
            ?? throw new DllNotFoundException($"{FileName} was not found: TorchSharp brings it for linux-x64 only and this process is {RuntimeInformation.RuntimeIdentifier}, or the package's natives were not copied to the application.");
        byte[] bytes = NativeFile.Read(original);
        foreach (string needed in ElfImage.Parse(bytes, FileName).Needed)
            LoadNeeded(needed);
        return WeakVersions.Apply(bytes, FileName, InstalledLibrary.OfferedVersions) is { } patched
            ? new PatchedCopy(patched, FileName).Load(Path.GetDirectoryName(original)!, PatchedCopy.UserCache, Path.GetTempPath())
            : LoadFile(original);
    }

    // A library that is loaded already is found by its name, wherever the one that needs it lies.
    private void LoadNeeded(string name)
    {
        if (Find(name) is { } path)
            LoadFile(path);
        else if (!NativeLibrary.TryLoad(name, out _))
            throw new DllNotFoundException(name is "libtorch.so" or "libtorch_cpu.so" or "libc10.so"
                ? $"{name} was not found: add a reference to the package libtorch-cpu-{Rid} {LibTorchVersion} (or to the libtorch-cuda package of that version) to the application."
                : $"{name}, which {FileName} needs, was not found: install the operating system's package that holds it.");
    }

    private static nint LoadFile(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException($"{path} could not be loaded: {NativeLoader.Reason(e)}.", e);
        }
    }

    private string? Find(string name) => _folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
