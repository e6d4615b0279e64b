using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>A linear layer whose rows use different low-rank adapters: grouped products against the loop over adapters and against a merged weight for each, on one thread.</summary>
[Config(typeof(TorchConfig))]
public class AdapterBenchmarks
{
    private BoundContender? _contender;

    /// <summary>Widths, adapters, rank.</summary>
    [Params("D1024N8R16", "D1024N64R16")]
    public string Adapters { get; set; } = "";

    /// <summary>T.</summary>
    [Params(16, 64, 512)]
    public int Tokens { get; set; }

    [GlobalSetup(Target = nameof(Ours))]
    public void SetUpOurs() => _contender = BoundContender.Adapters(ContenderNames.Ours, Adapters, Tokens);

    [GlobalSetup(Target = nameof(Loop))]
    public void SetUpLoop() => _contender = BoundContender.Adapters(ContenderNames.TorchLoraLoop, Adapters, Tokens);

    [GlobalSetup(Target = nameof(Merged))]
    public void SetUpMerged() => _contender = BoundContender.Adapters(ContenderNames.TorchLoraMerged, Adapters, Tokens);

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Baseline = true, Description = ContenderNames.Ours)]
    public void Ours() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchLoraLoop)]
    public void Loop() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchLoraMerged)]
    public void Merged() => _contender!.Run();
}
