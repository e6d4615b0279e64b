using BenchmarkDotNet.Attributes;

namespace MoE.Benchmarks;

/// <summary>The grouped product and its gradients on each instruction set, on one thread: 1024 rows in 8 segments, gathered and scattered, 1024 by 1024 weights.</summary>
[Config(typeof(IsaConfig))]
public class GroupedGemmBenchmarks
{
    private const int Rows = 1024, Groups = 8, Width = 1024;

    private readonly MoEWorkspace _workspace = new();
    private float[] _x = [], _y = [], _weights = [], _gradient = [];
    private int[] _offsets = [], _at = [];

    [GlobalSetup]
    public void SetUp()
    {
        var random = new Random(1);
        _x = Draw(Rows * Width);
        _y = Draw(Rows * Width);
        _weights = Draw(Groups * Width * Width);
        _gradient = new float[_weights.Length];
        _offsets = [.. Enumerable.Range(0, Groups + 1).Select(static g => g * Rows / Groups)];
        _at = [.. Enumerable.Range(0, Rows).Select(_ => random.Next(Rows))];

        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    [GlobalCleanup]
    public void CleanUp() => _workspace.Dispose();

    [Benchmark(Baseline = true, Description = "forward, gathered")]
    public void Gathered() => GroupedGemm.Forward(_x, new GroupedRows(_offsets, _at), new GroupedWeights(_weights, Groups, Width, Width), _y, _workspace);

    [Benchmark(Description = "forward, scattered")]
    public void Scattered() => GroupedGemm.Forward(_x, new GroupedRows(_offsets, default, _at), new GroupedWeights(_weights, Groups, Width, Width), _y, _workspace);

    [Benchmark(Description = "input gradient")]
    public void InputGradient() => GroupedGemm.InputGradient(_y, new GroupedRows(_offsets, _at), new GroupedWeights(_weights, Groups, Width, Width), _x, _workspace);

    [Benchmark(Description = "weight gradient")]
    public void WeightGradient() => GroupedGemm.WeightGradient(_x, _y, new GroupedRows(_offsets, _at), Width, Width, _gradient, _workspace);
}
