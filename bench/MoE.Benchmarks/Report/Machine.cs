using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MoE.Benchmarks;

/// <summary>The machine in words.</summary>
public static class Machine
{
    /// <summary>Processor, operating system, runtime and widest vectors.</summary>
    public static string Describe()
    {
        int bits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        return $"{Processor()}, {RuntimeInformation.OSDescription.Trim()} {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.FrameworkDescription}, {bits}-bit vectors";
    }

    private static string Processor()
    {
        const string linux = "/proc/cpuinfo";
        string? name = OperatingSystem.IsLinux() && File.Exists(linux)
            ? File.ReadLines(linux).FirstOrDefault(static l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim()
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        return string.IsNullOrEmpty(name) ? "unknown processor" : name;
    }
}
