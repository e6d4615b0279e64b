namespace MoE.Benchmarks.Tests;

public sealed class PromiseTableTests
{
    // The quick size as the fixed interface states it, written out.
    private static readonly string[] QuickCases =
    [
        "infer/A/fp32/T1/th1", "infer/A/fp32/T16/th1", "infer/A/fp32/T512/th1", "infer/A/fp32/T1/th2", "infer/A/fp32/T16/th2", "infer/A/fp32/T512/th2",
        "infer/B/fp32/T1/th1", "infer/B/fp32/T16/th1", "infer/B/fp32/T512/th1", "infer/B/fp32/T1/th2", "infer/B/fp32/T16/th2", "infer/B/fp32/T512/th2",
        "train/A/fp32/T512/th1",
        "infer/A/int8/T1/th1", "infer/A/int8/T16/th1", "infer/A/int8/T512/th1", "infer/A/int4/T1/th1", "infer/A/int4/T16/th1", "infer/A/int4/T512/th1",
        "router/E8K2/fp32/T512/th1", "router/E64K8/fp32/T512/th1", "router/E128K8/fp32/T512/th1", "router/E256K8/fp32/T512/th1", "router/E64K8/fp32/T1/th1",
    ];

    [Fact]
    public void QuickIsTheInterface()
    {
        Assert.Equal(QuickCases.Order(), PromiseTable.Of(CompareSize.Quick, [1, 2]).Select(static p => p.Case.Name).Order());
    }

    [Theory]
    [InlineData("infer/B/fp32/T16/th2", "moe,torch-loop,torch-sort,ort-moe,ort-unrolled")]
    [InlineData("infer/A/fp32/T16/th1", "moe,torch-loop,torch-sort,ort-moe,ort-unrolled,moe-reference")]
    [InlineData("infer/A/int4/T16/th1", "moe,ort-qmoe")]
    [InlineData("train/A/fp32/T512/th1", "moe,torch-loop,torch-sort")]
    [InlineData("router/E256K8/fp32/T512/th1", "moe,torch-router")]
    public void CasesNameTheirContenders(string @case, string contenders) =>
        Assert.Equal(contenders, string.Join(',', PromiseTable.Of(CompareSize.Quick, [1, 2]).Single(p => p.Case.Name == @case).Contenders));

    [Fact]
    public void FullContainsQuickAndLargeBatches()
    {
        var full = PromiseTable.Of(CompareSize.Full, [1, 2]).ToDictionary(static p => p.Case.Name, static p => p.Contenders);
        foreach (var quick in PromiseTable.Of(CompareSize.Quick, [1, 2])) Assert.Subset(full[quick.Case.Name].ToHashSet(), quick.Contenders.ToHashSet());
        Assert.Contains("infer/B/fp32/T4096/th2", full.Keys);
        Assert.Contains("train/B/fp32/T512/th1", full.Keys);
        Assert.Contains("infer/A/fp32/T16384/th1", full.Keys);
        Assert.Contains("infer/D512F512E256K8/fp32/T4096/th1", full.Keys);
        Assert.Equal(["moe", "torch-lora-loop", "torch-lora-merged"], full["lora/D1024N64R16/fp32/T512/th1"]);
    }

    [Fact]
    public void EveryCaseIsPromisedOnceWithOursFirst()
    {
        var full = PromiseTable.Of(CompareSize.Full, [1, 2]);
        Assert.Equal(full.Count, full.Select(static p => p.Case.Name).Distinct().Count());
        Assert.All(full, static p => Assert.Equal("moe", p.Contenders[0]));
        Assert.All(full, static p => Assert.Equal(p.Contenders.Count, p.Contenders.Distinct().Count()));
    }

    [Fact]
    public void CasesWithTheSameWeightsAreNeighbours()
    {
        string[] configs = [.. PromiseTable.Of(CompareSize.Full, [1, 2]).Select(static p => p.Case.Config.Name)];
        int changes = configs.Zip(configs.Skip(1)).Count(static pair => pair.First != pair.Second);
        Assert.Equal(configs.Distinct().Count() - 1, changes);
    }

    [Fact]
    public void OnlyThreadCountsAskedForArePromised()
    {
        Assert.All(PromiseTable.Of(CompareSize.Full, [1]), static p => Assert.Equal(1, p.Case.Threads));
        var two = PromiseTable.Of(CompareSize.Quick, [2]);
        Assert.Equal(6, two.Count);
        Assert.All(two, static p => Assert.Equal((BenchMode.Infer, 2), (p.Case.Mode, p.Case.Threads)));
    }

    [Fact]
    public void AllSpecsAreValid() =>
        Assert.All(PromiseTable.Lines.SelectMany(static l => l.Configs), static c => Assert.Empty(c.Width == 0 ? c.ToRouterSpec().Validate() : c.ToLayerSpec().Validate()));

    [Fact]
    public void MissingNamesWhatWasNotMeasured()
    {
        var promised = PromiseTable.Of(CompareSize.Quick, [1, 2]);
        var all = promised.SelectMany(static p => p.Contenders.Select(c => (p.Case.Name, c))).ToList();
        Assert.Empty(PromiseTable.Missing(promised, all));
        Assert.Equal(["infer/A/fp32/T1/th1 torch-sort"], PromiseTable.Missing(promised, all.Where(static r => r != ("infer/A/fp32/T1/th1", "torch-sort"))));
        Assert.Equal(all.Count, PromiseTable.Missing(promised, []).Count);
    }
}
