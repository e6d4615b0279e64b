using System.Globalization;
using System.Text.Json.Serialization;

namespace MoE.Benchmarks;

/// <summary>What matters about the managed engine beside its speed in steady state.</summary>
public sealed record EngineFacts
{
    /// <summary>The first call of a small layer in this process: compilation and tables of kernels; milliseconds.</summary>
    public required double FirstCallMs { get; init; }

    /// <summary>The second call of that layer, milliseconds.</summary>
    public required double SecondCallMs { get; init; }

    /// <summary>Making an engine of layer A, from weights in memory, on one thread.</summary>
    public required IReadOnlyList<PackingFact> Packing { get; init; }

    /// <summary>Layer A, fp32, T 512 while four other processes use every core: the median with one thread, milliseconds.</summary>
    public required double BusyOneThreadMs { get; init; }

    /// <summary>The same with two threads, in turns with it; not above it is what dynamic work items are for.</summary>
    public required double BusyTwoThreadsMs { get; init; }

    /// <summary>The facts in words, a line each.</summary>
    [JsonIgnore]
    public IEnumerable<string> Lines =>
    [
        string.Create(CultureInfo.InvariantCulture, $"First call of a small layer in a process: {FirstCallMs:f1} ms; the second: {SecondCallMs:f2} ms."),
        string.Create(CultureInfo.InvariantCulture, $"Packing layer A: {string.Join(", ", Packing.Select(static p => string.Create(CultureInfo.InvariantCulture, $"{p.Weights} {p.Ms:f0} ms ({p.Bytes:f2} bytes per weight)")))}."),
        string.Create(CultureInfo.InvariantCulture, $"Layer A, T 512, beside four busy processes: {BusyOneThreadMs:f0} ms with one thread, {BusyTwoThreadsMs:f0} ms with two."),
    ];
}

/// <summary>Packing in one format.</summary>
/// <param name="Weights">The type of the weights.</param>
/// <param name="Ms">Milliseconds.</param>
/// <param name="Bytes">Bytes of packed experts per weight.</param>
public sealed record PackingFact(string Weights, double Ms, double Bytes);
