using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>The library's managed router on each instruction set.</summary>
[Config(typeof(IsaConfig))]
public class RouterIsaBenchmarks
{
    private BoundContender? _contender;

    /// <summary>Experts and choices.</summary>
    [Params("E8K2", "E64K8", "E128K8", "E256K8")]
    public string Router { get; set; } = "";

    /// <summary>T.</summary>
    [Params(1, 512)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void SetUp() => _contender = BoundContender.Router(ContenderNames.Ours, Router, Tokens);

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Description = ContenderNames.Ours)]
    public void Ours() => _contender!.Run();
}
