using System.Diagnostics;
using System.Globalization;

namespace MoE.Benchmarks;

/// <summary>Memory of this process.</summary>
internal static class ProcessMemory
{
    /// <summary>Most bytes that ever were resident, pages of mapped files included (VmHWM).</summary>
    public static long Peak => Field("VmHWM") ?? Process.GetCurrentProcess().PeakWorkingSet64;

    /// <summary>Resident bytes that no file backs; zero where the system does not say.</summary>
    public static long Private => Field("RssAnon") ?? 0;

    private static long? Field(string name)
    {
        if (!OperatingSystem.IsLinux()) return null;
        string? line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.Ordinal));
        return line is null ? null : 1024 * long.Parse(line.Split(':')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture);
    }
}
