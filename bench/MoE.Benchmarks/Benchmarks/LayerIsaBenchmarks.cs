using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>The library's managed layer on each instruction set, on one thread.</summary>
[Config(typeof(IsaConfig))]
public class LayerIsaBenchmarks
{
    private BoundContender? _contender;

    /// <summary>T.</summary>
    [Params(1, 16)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void SetUp() => _contender = BoundContender.Layer(ContenderNames.OurReference, BenchConfig.A.Name, Tokens, threads: 1);

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Description = ContenderNames.OurReference)]
    public void OurReference() => _contender!.Run();
}
