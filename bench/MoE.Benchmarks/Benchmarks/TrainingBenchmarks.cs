using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>A training step of a layer: the library against TorchSharp.</summary>
[Config(typeof(TorchConfig))]
public class TrainingBenchmarks
{
    private BoundContender? _contender;

    /// <summary>The sizes.</summary>
    [Params("A", "B")]
    public string Layer { get; set; } = "";

    /// <summary>T.</summary>
    [Params(64, 512)]
    public int Tokens { get; set; }

    [GlobalSetup(Target = nameof(Ours))]
    public void SetUpOurs() => SetUp(ContenderNames.Ours);

    [GlobalSetup(Target = nameof(TorchLoop))]
    public void SetUpTorchLoop() => SetUp(ContenderNames.TorchLoop);

    [GlobalSetup(Target = nameof(TorchSort))]
    public void SetUpTorchSort() => SetUp(ContenderNames.TorchSort);

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Baseline = true, Description = ContenderNames.Ours)]
    public void Ours() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchLoop)]
    public void TorchLoop() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchSort)]
    public void TorchSort() => _contender!.Run();

    private void SetUp(string contender) => _contender = BoundContender.Layer(contender, new BenchCase(BenchMode.Train, BenchConfig.Named(Layer), "fp32", Tokens, 1));
}
