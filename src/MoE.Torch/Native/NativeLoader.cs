using System.Reflection;
using System.Runtime.Loader;
using System.Runtime.Versioning;

namespace MoE.Torch.Native;

/// <summary>
/// Lets TorchSharp's native library load on Linux systems whose C++ runtime is older than the one it was built with (GCC 12
/// and before, such as Debian 12).
/// </summary>
/// <remarks>
/// Applications need not call anything: the package adds a module initializer to every C# application that references it,
/// directly or not, unless the property <c>MoETorchRegisterNativeLoader</c> is <c>false</c>. Applications in other languages
/// call <see cref="Register"/> before their first use of TorchSharp.
/// </remarks>
public static class NativeLoader
{
    private static readonly Lock Gate = new();
    private static bool _registered;
    private static bool _reported;
    private static nint _library;

    /// <summary>
    /// Registers the loader with this process. Calling it again, from any thread, has no effect, nor has it any outside Linux.
    /// </summary>
    /// <remarks>
    /// The loader acts only after the runtime itself has failed to load <c>LibTorchSharp</c>. It then loads the library's
    /// dependencies and a copy of the library in which version needs that this system does not offer, and that no code uses,
    /// are marked weak. The copy lies next to the original, or in a private folder of the user if that place is read-only.
    /// Where this cannot help, a <see cref="DllNotFoundException"/> says what is missing; TorchSharp hides it in a long
    /// message of its own, so it is also written to the standard error stream, once.
    /// </remarks>
    public static void Register()
    {
        if (!OperatingSystem.IsLinux())
            return;
        lock (Gate)
        {
            if (_registered)
                return;
            _registered = true;
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += Resolve;
            // A plug-in host may have loaded TorchSharp together with this assembly in a context of its own.
            if (AssemblyLoadContext.GetLoadContext(typeof(NativeLoader).Assembly) is { } own && own != AssemblyLoadContext.Default)
                own.ResolvingUnmanagedDll += Resolve;
        }
    }

    /// <summary>The dynamic linker's own words, which come last in the runtime's message.</summary>
    internal static string Reason(Exception e)
        => e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1].TrimEnd('.');

    [SupportedOSPlatform("linux")]
    private static nint Resolve(Assembly requester, string name)
    {
        if (name is not ("LibTorchSharp" or "libLibTorchSharp" or TorchNatives.FileName))
            return 0;
        lock (Gate)
        {
            if (_library != 0)
                return _library;
            try
            {
                return _library = new TorchNatives(TorchNatives.SearchFolders(requester, typeof(NativeLoader).Assembly)).Load();
            }
            catch (Exception e) when (e is DllNotFoundException or InvalidDataException or IOException or UnauthorizedAccessException)
            {
#pragma warning disable RS0030 // TorchSharp hides the message, and nothing else would say what is missing.
                if (!_reported)
                    Console.Error.WriteLine($"MoE.Torch: {e.Message}");
#pragma warning restore RS0030
                _reported = true;
                throw e as DllNotFoundException ?? new DllNotFoundException(e.Message, e);
            }
        }
    }
}
