using static MoE.Benchmarks.BenchMode;
using static MoE.Benchmarks.CompareSize;
using static MoE.Benchmarks.ContenderNames;

namespace MoE.Benchmarks;

/// <summary>What each size promises. A promised row that is missing from the report is a failure of the run.</summary>
public static class PromiseTable
{
    private static readonly string[] Inference = [Ours, TorchLoop, TorchSort, OrtMoE, OrtUnrolled];
    private static readonly string[] Training = [Ours, TorchLoop, TorchSort];
    private static readonly string[] Router = [Ours, TorchRouter];
    private static readonly string[] Lora = [Ours, TorchLoraLoop, TorchLoraMerged];
    private static readonly BenchConfig[] ManyExperts = [.. new[] { 8, 16, 32, 64, 128, 256 }.Select(static e => BenchConfig.Square(512, e, 8))];

    /// <summary>The table.</summary>
    public static IReadOnlyList<Promise> Lines { get; } =
    [
        new(Quick, Infer, BenchConfig.Layers, "fp32", [1, 16, 512], ThreadRule.Each, Inference),
        new(Quick, Infer, [BenchConfig.A], "fp32", [1, 16], ThreadRule.One, [OurReference]),
        new(Quick, Train, [BenchConfig.A], "fp32", [512], ThreadRule.One, Training),
        new(Quick, BenchMode.Router, BenchConfig.Routers, "fp32", [512], ThreadRule.One, Router),
        new(Quick, BenchMode.Router, [BenchConfig.Router(64, 8)], "fp32", [1], ThreadRule.One, Router),
        new(Quick, Infer, [BenchConfig.A], "int8", [1, 16, 512], ThreadRule.One, [Ours, OrtQMoE]),
        new(Quick, Infer, [BenchConfig.A], "int4", [1, 16, 512], ThreadRule.One, [Ours, OrtQMoE]),

        new(Full, Infer, BenchConfig.Layers, "fp32", [4096], ThreadRule.Each, Inference),
        new(Full, Infer, BenchConfig.Layers, "bf16", [1, 16], ThreadRule.One, [Ours, TorchLoop, TorchSort]),
        new(Full, Train, [BenchConfig.B], "fp32", [512], ThreadRule.One, Training),
        new(Full, BenchMode.Router, BenchConfig.Routers, "fp32", [4096], ThreadRule.One, Router),
        new(Full, BenchMode.Lora, BenchConfig.AdapterLayers, "fp32", [16, 64, 512, 4096], ThreadRule.One, Lora),
        new(Full, Infer, [BenchConfig.A], "fp32", [128, 256, 1024, 2048, 8192, 16384], ThreadRule.One, [Ours, TorchSort, OrtMoE, OrtUnrolled]),
        new(Full, Infer, ManyExperts, "fp32", [4096], ThreadRule.One, [Ours, TorchSort, OrtMoE, OrtUnrolled]),
        new(Full, Infer, [BenchConfig.B], "int8", [1, 16, 512], ThreadRule.One, [Ours, OrtQMoE]),
        new(Full, Infer, [BenchConfig.B], "int4", [1, 16, 512], ThreadRule.One, [Ours, OrtQMoE]),
    ];

    /// <summary>The cases of a size, those with the same weights next to each other.</summary>
    public static IReadOnlyList<PromisedCase> Of(CompareSize size, IReadOnlyList<int> threads)
    {
        var cases = from line in Lines
                    where line.Size <= size
                    from @case in line.Cases(threads)
                    group line by @case into same
                    select new PromisedCase(same.Key, [.. same.SelectMany(static line => line.Contenders).Distinct()]);
        return
        [
            .. from config in cases.GroupBy(static c => c.Case.Config)
               from promised in config.OrderBy(static c => c.Case.Mode).ThenBy(static c => c.Case.DType).ThenBy(static c => c.Case.Threads).ThenBy(static c => c.Case.Tokens)
               select promised,
        ];
    }

    /// <summary>The promised rows that were not measured, as <c>case contender</c>.</summary>
    public static IReadOnlyList<string> Missing(IEnumerable<PromisedCase> promised, IEnumerable<(string Case, string Contender)> measured) =>
        [.. promised.SelectMany(static p => p.Contenders.Select(c => (p.Case.Name, c))).Except(measured).Select(static row => $"{row.Item1} {row.Item2}")];
}
