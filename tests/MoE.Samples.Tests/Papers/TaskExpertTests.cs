using MoE.Samples.Numerics;
using MoE.Samples.Papers.TaskExpert;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Papers;

public sealed class TaskExpertTests
{
    private static readonly TaskExpertSample.Recipe Tiny = new(Seeds: 2, TrainPictures: 40, TestPictures: 20, Steps: 2);

    [Fact]
    public void Labels_of_mosaics_agree_with_each_other()
    {
        var set = Mosaics.Draw(Clothes.Noise(1), 50, new Draws(1, 1));
        bool[] ground = [.. set.Classes.Select(static c => c == 10)];
        Assert.Equal(50, set.Count);
        Assert.InRange(ground.Average(static g => g ? 1.0 : 0), 0.2, 0.9);
        for (int p = 0; p < ground.Length; p++)
        {
            Assert.Equal(ground[p], set.Depth[p] == 0);
            Assert.Equal(ground[p], set.Images[p] == 0);
            if (p % Mosaics.Side == Mosaics.Side - 1 || p % Mosaics.Size / Mosaics.Side == Mosaics.Side - 1) continue;
            // Where class or depth changes to the right or below, there is a boundary; two items of one class and size are the only others.
            if (set.Classes[p] != set.Classes[p + 1] || set.Depth[p] != set.Depth[p + Mosaics.Side]) Assert.Equal(1, set.Boundary[p]);
        }

        Assert.Equal(set.Images, Mosaics.Draw(Clothes.Noise(1), 50, new Draws(1, 1)).Images);
        Assert.NotEqual(set.Images, Mosaics.Draw(Clothes.Noise(1), 50, new Draws(2, 1)).Images);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_rival_has_as_many_parameters_as_asked_for(bool everyTap)
    {
        foreach (long size in new[] { 30_000, 61_400, 200_000 })
        {
            int width = StaticModel.WidthFor(everyTap, size);
            long Size(int w)
            {
                using var model = new StaticModel(everyTap, w);
                return model.Size;
            }

            Assert.True(Math.Abs(Size(width) - size) <= Math.Abs(Size(width + 1) - size));
            Assert.True(width == 1 || Math.Abs(Size(width) - size) <= Math.Abs(Size(width - 1) - size));
        }
    }

    [Theory]
    [InlineData(true, true, 6)]
    [InlineData(true, false, 5)]
    [InlineData(false, true, 6)]
    public void Every_tap_and_task_has_a_gate_that_sums_to_one(bool learned, bool memory, int slots)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = new MemorialModel(learned, memory);
        var output = model.predict(rand(3, 1, 32, 32));
        Assert.Equal((4, 3), (output.Weights.Count, output.Weights[0].Count));
        Assert.All(output.Weights.SelectMany(static w => w), w =>
        {
            Assert.Equal([3, slots], w.shape);
            Assert.True(w.sum(1).sub(1).abs().max().item<float>() < 1e-6);
            Assert.Equal(learned, w.sub(1.0 / slots).abs().max().item<float>() > 1e-4);
        });
        Assert.Equal([3, 11, 32, 32], output.Classes.shape);
        Assert.Equal([3, 1, 32, 32], output.Boundary.shape);
        Assert.Equal([3, 1, 32, 32], output.Depth.shape);
    }

    [Fact]
    public void The_loss_has_its_closed_form_at_zero_logits()
    {
        using var scope = NewDisposeScope();
        var boundary = zeros(1, 1, 32, 32);
        boundary.narrow(2, 0, 8).fill_(1);
        var output = new DenseOutput(zeros(1, 11, 32, 32), zeros(1, 1, 32, 32), zeros(1, 1, 32, 32), []);
        double expected = Math.Log(11) + 50 * Math.Log(2) * (0.25 * 0.95 + 0.75 * 0.05) + 0.5;
        Assert.Equal(expected, DenseTraining.Loss(output, zeros(1, 32, 32, dtype: ScalarType.Int64), boundary, full([1L, 1, 32, 32], 0.5)).item<float>(), 1e-4);
    }

    [Fact]
    public void The_gain_is_the_mean_of_relative_gains_with_their_signs()
    {
        DenseScore Score(double iou, double f, double depth) => new(iou, f, depth, 0, 0, 0, 0);
        Assert.Equal((10 - 5 + 20) / 3.0, Score(44, 57, 0.08).GainOver(Score(40, 60, 0.1)), 1e-10);
        Assert.Equal(0, Score(40, 60, 0.1).GainOver(Score(40, 60, 0.1)));
    }

    [Fact]
    public void A_tiny_run_measures_everything_and_each_mechanism_carries_its_claim()
    {
        var sample = new TaskExpertSample(Tiny, Clothes.Noise(1), Clothes.Noise(2));
        var result = PaperRun.Of(sample);
        PaperRun.EverythingMeasured(result);
        Assert.Equal("holds", PaperRun.Verdict(result, "rows-sum-to-one"));
        Assert.Equal("holds", PaperRun.Verdict(result, "equal-parameters"));
        var gate = PaperRun.Of(sample, "--ablate", "gate");
        Assert.Equal(0, PaperRun.Measured(gate, "tasks-differ"));
        Assert.Equal("fails", PaperRun.Verdict(gate, "tasks-differ"));
        var memory = PaperRun.Of(sample, "--ablate", "memory");
        Assert.Equal(0, PaperRun.Measured(memory, "memory-helps"));
        Assert.Equal("fails", PaperRun.Verdict(memory, "memory-helps"));
    }
}
