using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>The library's managed layer in each format of weights on each instruction set, on one thread.</summary>
[Config(typeof(IsaConfig))]
public class LayerIsaBenchmarks
{
    private BoundContender? _contender;

    /// <summary>The type of the weights; int8 and int4 with 8-bit activations, int4-zero with zero points.</summary>
    [Params("fp32", "bf16", "int8", "int4", "int4-zero")]
    public string Weights { get; set; } = "";

    /// <summary>T.</summary>
    [Params(1, 16, 512)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void SetUp() => _contender = BoundContender.Layer(ContenderNames.Ours, new BenchCase(BenchMode.Infer, BenchConfig.A, Weights, Tokens, 1));

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Description = ContenderNames.Ours)]
    public void Ours() => _contender!.Run();
}
