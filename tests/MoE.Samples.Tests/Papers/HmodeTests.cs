using System.Text;
using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using MoE.Samples.Papers.Hmode;
using MoE.Samples.Scenes;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Papers;

public sealed class HmodeTests
{
    private static readonly HmodeSample.Recipe Tiny = new(Seeds: 2, TrainScenes: 12, TestScenes: 6, Steps: 3, CellSteps: 2, TestCells: 2);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(63, 20.5)]
    [InlineData(31.3, 40)]
    public void A_dot_sums_to_one_wherever_it_lies(double x, double y)
    {
        float[] density = new float[64 * 64];
        CountingSet.AddDot(density, 64, x, y, 1.5);
        // A few hundred single-precision numbers, each rounded by 2^-25 of itself.
        Assert.Equal(1, density.Sum(static d => (double)d), 1e-6);
        Assert.Equal((int)Math.Round(y) * 64 + (int)Math.Round(x), Array.IndexOf(density, density.Max()));
    }

    [Theory]
    [InlineData(28)]
    [InlineData(14)]
    [InlineData(9)]
    [InlineData(1)]
    public void A_scaled_item_keeps_its_mean(int size)
    {
        byte[] item = new byte[28 * 28];
        new Random(size).NextBytes(item);
        float[] scaled = ScaledItem.Resize(item, size);
        Assert.Equal(item.Average(static p => p / 255.0), scaled.Average(static p => (double)p), 1e-5);
        if (size == 28) Assert.All(item.Zip(scaled), static p => Assert.Equal(p.First / 255f, p.Second, 6));
    }

    [Fact]
    public void Perspective_puts_large_items_below()
    {
        // White items, so that light is area.
        var white = new FashionMnist([.. Enumerable.Repeat((byte)255, 10 * FashionMnist.Size)], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        double Lower(bool perspective)
        {
            var set = PerspectiveScenes.Draw(white, 60, perspective, new Draws(1, 1));
            Assert.InRange(set.IntegrationError, 0, 1e-5);
            Assert.All(set.Counts, static c => Assert.InRange(c, 0, 60));
            Assert.InRange(set.Counts.Average(), 10, 22);
            double[] halves = new double[2];
            for (int p = 0; p < set.Images.Length; p++) halves[p % (64 * 64) / (32 * 64)] += set.Images[p];
            return halves[1] / halves[0];
        }

        Assert.True(Lower(true) > 1.5, $"{Lower(true)}");
        Assert.InRange(Lower(false), 0.9, 1.1);
    }

    [Fact]
    public void Relative_counts_are_those_of_the_hardest_cells_in_order()
    {
        using var scope = NewDisposeScope();
        // Twelve cells of one number each; the last three are predicted exactly, so nine are hard.
        float[] truth = [9, 8, 7, 6, 5, 4, 3, 2, 1, 50, 60, 70], predicted = [4, 9, 5, 7, 4, 5, 5, 3, 3, 50, 60, 70];
        Tensor Map(float[] cells) => tensor(cells).view(1, 1, 3, 4).repeat_interleave(16, 2).repeat_interleave(16, 3) / 256;
        // Sorted by truth and dealt in turns: (9, 6, 3), (8, 5, 2), (7, 4, 1) with predictions (4, 7, 5), (9, 4, 3), (5, 5, 3).
        double hinges = (3 + 1 + 0) + (0 + 0 + 0) + (0 + 0 + 0);
        double errors = 25 + 1 + 4 + 1 + 1 + 1 + 4 + 1 + 4;
        Assert.Equal(hinges + errors, CountingLoss.Relative(Map(predicted), Map(truth)).item<float>(), 1e-3);
        // Swapped within the second triple: (9, 3, 4) pays that the middle count falls below the small one.
        (predicted[4], predicted[7]) = (3, 4);
        Assert.Equal(hinges + 1 + errors - 1 - 1 + 4 + 4, CountingLoss.Relative(Map(predicted), Map(truth)).item<float>(), 1e-3);
    }

    [Fact]
    public void Levels_weigh_one_two_and_four()
    {
        using var scope = NewDisposeScope();
        var density = ones(2, 1, 16, 16);
        DensityMaps Maps(double experts, double pairs, double final) =>
            new(ones(2, 3, 16, 16) * experts, ones(2, 3, 16, 16) * pairs, ones(2, 1, 16, 16) * final, full([2L, 3, 2, 2, 2], 0.5), full([2L, 1, 2, 2], 0.5));
        double Of(double experts, double pairs, double final) => CountingLoss.Of(Maps(experts, pairs, final), density, relative: false).item<float>() / 256;
        // Equal gates have no importance; a mask of one half costs ln 2 a pixel.
        Assert.Equal(Math.Log(2), Of(1, 1, 1), 1e-4);
        Assert.Equal(Math.Log(2) + 3, Of(0, 1, 1), 1e-4);
        Assert.Equal(Math.Log(2) + 6, Of(1, 0, 1), 1e-4);
        Assert.Equal(Math.Log(2) + 4, Of(1, 1, 0), 1e-4);
    }

    [Theory]
    [InlineData(GateForm.Pixel, 4)]
    [InlineData(GateForm.Image, 1)]
    [InlineData(GateForm.Uniform, 4)]
    public void Gates_have_the_form_asked_for(GateForm form, int side)
    {
        using var scope = NewDisposeScope();
        using var model = new DensityModel(form);
        var maps = model.predict(rand(2, 1, 32, 32));
        Assert.Equal([2, 3, 2, side, side], maps.PairWeights.shape);
        Assert.Equal([2, 1, 32, 32], maps.Final.shape);
        // Every merged map lies between the maps it is made of.
        Assert.True(maps.Final.le(maps.Experts.amax([1], keepdim: true) + 1e-5).all().item<bool>());
        Assert.True(maps.Final.ge(maps.Experts.amin([1], keepdim: true) - 1e-5).all().item<bool>());
    }

    [Fact]
    public void Rank_correlation_has_its_closed_forms()
    {
        Assert.Equal(1, RankCorrelation.Of([1, 2, 3, 4], [10, 20, 21, 400]), 1e-12);
        Assert.Equal(-1, RankCorrelation.Of([1, 2, 3], [3, 2, 1]), 1e-12);
        // 1 - 6 sum d^2 / (n (n^2 - 1)) without ties.
        Assert.Equal(1 - 6.0 * (1 + 1 + 1 + 1) / (5 * 24), RankCorrelation.Of([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), 1e-12);
        Assert.Equal(0, RankCorrelation.Of([1, 2, 3], [5, 5, 5]));
        Assert.Equal(Math.Sqrt(3) / 2, RankCorrelation.Of([1, 2, 3], [1, 1, 2]), 1e-12);
        Assert.Throws<ArgumentException>(() => RankCorrelation.Of([1], [1]));
    }

    [Fact]
    public void Cells_are_read_and_damaged_centres_refused()
    {
        static MemoryStream Text(string text) => new(Encoding.UTF8.GetBytes(text));
        var dots = VggCells.Centres(Text("image,x,y\n1,3,4\n1,255,0\n"), 2);
        Assert.Empty(dots[0]);
        Assert.Equal([(3, 4), (255, 0)], dots[1]);
        foreach (string bad in new[] { "2,0,0", "0,256,0", "0,0,-1", "0,x,0", "0,0" }) Assert.Throws<InvalidDataException>(() => VggCells.Centres(Text($"image,x,y\n{bad}\n"), 2));
        var set = CountingSet.Of(Cells(), 1, 2);
        Assert.Equal((2, 128), (set.Count, set.Side));
        Assert.InRange(set.IntegrationError, 0, 1e-5);
    }

    [Fact]
    public void A_tiny_run_measures_everything_and_without_gates_the_mixture_is_the_average()
    {
        var sample = new HmodeSample(Tiny, Clothes.Noise(1), Clothes.Noise(2), Cells());
        var result = PaperRun.Of(sample);
        PaperRun.EverythingMeasured(result);
        foreach (string id in new[] { "targets-integrate", "equal-weights-average" }) Assert.Equal("holds", PaperRun.Verdict(result, id));
        var ablated = PaperRun.Of(sample, "--ablate", "gates");
        // Sums of a few thousand single-precision numbers, of size of the counts.
        Assert.InRange(PaperRun.Measured(ablated, "beats-average"), -0.01, 0.01);
        Assert.Equal("fails", PaperRun.Verdict(ablated, "beats-average"));
        Assert.Equal("fails", PaperRun.Verdict(ablated, "fine-falls-with-row"));
    }

    [Fact]
    public void Without_cells_the_rest_is_measured()
    {
        var result = PaperRun.Of(new HmodeSample(Tiny, Clothes.Noise(1), Clothes.Noise(2), null));
        Assert.Equal("not-run", PaperRun.Verdict(result, "cells-error"));
        Assert.NotEqual("not-run", PaperRun.Verdict(result, "beats-average"));
    }

    private static VggCells Cells()
    {
        byte[] pixels = new byte[4 * VggCells.Side * VggCells.Side];
        new Random(1).NextBytes(pixels);
        return new(pixels, [.. Enumerable.Range(0, 4).Select(static i => (IReadOnlyList<(int, int)>)[(10 + i, 20), (255, 0), (0, 255)])]);
    }
}
