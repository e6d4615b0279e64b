namespace MoE.Samples.Frame;

/// <summary>What a run ran on.</summary>
public static class Machine
{
    /// <summary>Processor, cores, operating system.</summary>
    public static string Name { get; } = $"{Processor()}, {Environment.ProcessorCount} cores, {System.Runtime.InteropServices.RuntimeInformation.OSDescription}";

    private static string Processor()
    {
        const string linux = "/proc/cpuinfo";
        string? named = File.Exists(linux) ? File.ReadLines(linux).FirstOrDefault(static l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        return named ?? System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();
    }
}
