using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>A layer's forward pass: the library against TorchSharp and ONNX Runtime. Weights stay in the caches as far as they fit; <c>compare</c> measures them cold and in turns.</summary>
[Config(typeof(TorchConfig))]
public class LayerBenchmarks
{
    private BoundContender? _contender;

    /// <summary>The sizes.</summary>
    [Params("A", "B")]
    public string Layer { get; set; } = "";

    /// <summary>T.</summary>
    [Params(1, 16, 512)]
    public int Tokens { get; set; }

    /// <summary>Threads.</summary>
    [ParamsSource(nameof(ThreadCounts))]
    public int Threads { get; set; }

    /// <summary>One, and all.</summary>
    public static IEnumerable<int> ThreadCounts => new[] { 1, Environment.ProcessorCount }.Distinct();

    [GlobalSetup(Target = nameof(Ours))]
    public void SetUpOurs() => SetUp(ContenderNames.Ours);

    [GlobalSetup(Target = nameof(TorchLoop))]
    public void SetUpTorchLoop() => SetUp(ContenderNames.TorchLoop);

    [GlobalSetup(Target = nameof(TorchSort))]
    public void SetUpTorchSort() => SetUp(ContenderNames.TorchSort);

    [GlobalSetup(Target = nameof(OrtMoE))]
    public void SetUpOrtMoE() => SetUp(ContenderNames.OrtMoE);

    [GlobalSetup(Target = nameof(OrtUnrolled))]
    public void SetUpOrtUnrolled() => SetUp(ContenderNames.OrtUnrolled);

    [GlobalCleanup]
    public void CleanUp() => _contender?.Dispose();

    [Benchmark(Baseline = true, Description = ContenderNames.Ours)]
    public void Ours() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchLoop)]
    public void TorchLoop() => _contender!.Run();

    [Benchmark(Description = ContenderNames.TorchSort)]
    public void TorchSort() => _contender!.Run();

    [Benchmark(Description = ContenderNames.OrtMoE)]
    public void OrtMoE() => _contender!.Run();

    [Benchmark(Description = ContenderNames.OrtUnrolled)]
    public void OrtUnrolled() => _contender!.Run();

    private void SetUp(string contender) => _contender = BoundContender.Layer(contender, new BenchCase(BenchMode.Infer, BenchConfig.Named(Layer), "fp32", Tokens, Threads));
}
