using System.Text;
using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using MoE.Samples.Papers.Pigeon;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Papers;

public sealed class PigeonTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void All_layouts_give_the_same_outputs_and_gradients(int seed)
    {
        using var workspace = new MoEWorkspace();
        // Sums of at most a few dozen terms in single precision.
        Assert.InRange(Agreement.Largest(Graph(seed), 8, workspace, seed), 0, 1e-5);
    }

    [Fact]
    public void A_typed_product_takes_the_weight_of_each_row()
    {
        using var scope = NewDisposeScope();
        using var workspace = new MoEWorkspace();
        var rows = TypedRows.Sort([2, 0, 1, 2], [1, 0, 1, 0], 3, 2);
        Assert.Equal([1, 3, 0, 2], rows.Order);
        Assert.Equal([0, 2, 4], rows.Offsets);
        var x = tensor(new float[] { 1, 10, 100 }, 3, 1);
        var y = new TypedProduct(workspace).multiply(x, tensor(new float[] { 2, 3 }, 2, 1, 1), rows);
        Assert.Equal([2f, 200, 300, 30], y.data<float>().ToArray());
    }

    [Fact]
    public void Copies_of_weights_are_refused_before_they_are_made()
    {
        using var workspace = new MoEWorkspace();
        var rows = TypedRows.Sort(new int[100_000], new int[100_000], 1, 1);
        using TypedLinear copied = new(Layout.Materialised, new(workspace));
        using Tensor x = zeros(1, 64), w = zeros(1, 64, 64);
        Assert.Equal(100_000L * 64 * 64 * 4, TypedLinear.Bytes(Layout.Materialised, rows, 64, 64));
        Assert.Throws<InvalidOperationException>(() => copied.products(x, w, rows));
        Assert.Equal(64 * 4, TypedLinear.Bytes(Layout.Compact, rows, 64, 64));
    }

    [Fact]
    public void Made_graphs_are_what_they_say()
    {
        var unique = MadeGraphs.Unique(60, 4);
        Assert.Equal(60, unique.Heads.Zip(unique.Relations).Distinct().Count());
        int[] Sizes(bool zipf) => [.. MadeGraphs.Random(10_000, 50, 20, zipf, new Random(1)).Relations.GroupBy(static r => r).OrderBy(static g => g.Key).Select(static g => g.Count())];
        Assert.All(Sizes(false), static s => Assert.Equal(500, s));
        Assert.Equal(10_000, Sizes(true).Sum());
        Assert.InRange(Sizes(true)[0] / (double)Sizes(true)[9], 9.5, 10.5);
    }

    [Fact]
    public void Triples_are_read_and_damaged_ones_refused()
    {
        static MemoryStream Stream(string text) => new(Encoding.UTF8.GetBytes(text));
        var numbers = TypedTriples.Numbers(Stream("2\n0 1 0\n2 3 1\n"));
        Assert.Equal((4, 2), (numbers.Nodes, numbers.Types));
        Assert.Equal([1, 3], numbers.Tails);
        var words = TypedTriples.Words(Stream("a\tr\tb\nb\ts\ta\n"));
        Assert.Equal((2, 2), (words.Nodes, words.Types));
        foreach (string bad in new[] { "", "x\n", "2\n0 1 0\n", "1\n0 1\n", "1\n0 1 -1\n", "9999999999\n" }) Assert.Throws<InvalidDataException>(() => TypedTriples.Numbers(Stream(bad)));
        Assert.Throws<InvalidDataException>(() => TypedTriples.Words(Stream("a\tr\n")));
    }

    [Fact]
    public void A_tiny_run_measures_everything()
    {
        var recipe = new PigeonSample.Recipe(Seeds: 2, Width: 16, Rounds: 2, LayerRounds: 1, CopiedEdges: 500, MadeEdges: 2000, SmallEdges: 200, SmallWidth: 8) { MostCopied = 1 << 20 };
        var result = PaperRun.Of(new PigeonSample(recipe, MadeGraphs.Random(20_000, 500, 5, zipf: true, new Random(1))));
        PaperRun.EverythingMeasured(result);
    }

    private static TypedTriples Graph(int seed) => MadeGraphs.Random(300, 40, 6, zipf: true, new Random(seed));
}
