using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MoE.Benchmarks;

/// <summary>Pages of files that the system keeps.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4;

    /// <summary>Asks the system to forget a file's pages, so that the next reader waits for the disk. False where that cannot be asked.</summary>
    public static bool Drop(string path)
    {
        if (!OperatingSystem.IsLinux()) return false;
        using SafeFileHandle file = File.OpenHandle(path);
        return Advise(file, 0, 0, DontNeed) == 0;
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
