using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>Logits to experts, weights and order: the library's router against the chain of torch operations, on one thread.</summary>
[Config(typeof(TorchConfig))]
public class RouterBenchmarks
{
    private BoundContender? _contender;

    /// <summary>Experts and choices.</summary>
    [Params("E8K2", "E64K8", "E128K8", "E256K8")]
    public string Router { get; set; } = "";

    /// <summary>T.</summary>
    [Params(1, 512, 4096)]
    public int Tokens { get; set; }

    [GlobalSetup(Target = nameof(Ours))]
    public void SetUpOurs() => _contender = BoundContender.Router(ContenderNames.Ours, Router, Tokens);

    [GlobalSetup(Target = nameof(TorchRouter))]
    public void SetUpTorchRouter() => _contender = BoundContender.Router(ContenderNames.TorchRouter, Router, Tokens);

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Baseline = true, Description = ContenderNames.Ours)]
    public void Ours() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchRouter)]
    public void TorchRouter() => _contender!.Run();
}
