using System.Text;
using MoE.Samples.Data.Sets;
using MoE.Samples.Papers.Armorm;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Papers;

public sealed class ArmormTests
{
    private static readonly ArmormSample.Recipe Tiny = new(Seeds: 2, Prompts: 400, Hidden: 16, Steps: 60, Batch: 64);

    [Fact]
    public void Weights_sum_to_the_scale_and_differ_between_prompts_where_the_released_axis_gives_one_half()
    {
        manual_seed(1);
        using var scope = NewDisposeScope();
        using var gate = new ObjectiveGate(5, 16, 7);
        gate.eval();
        using var guard = no_grad();
        var prompts = randn(11, 5) * 100;
        var weights = gate.call(prompts);
        Assert.True(weights.sum(1).allclose(ones(11)));
        Assert.True((weights[0] - weights[1]).abs().max().item<float>() > 1e-4);
        Assert.True(gate.released(prompts).eq(0.5).all().item<bool>());
    }

    [Fact]
    public void A_ridge_without_penalty_finds_an_exact_line_and_a_large_one_shrinks_it()
    {
        using var scope = NewDisposeScope();
        var x = randn(20, 3, dtype: ScalarType.Float64);
        var truth = tensor(new[] { 1.0, -2, 3 });
        Assert.True(ObjectiveRidge.Solve(x, x.matmul(truth), 1e-9).allclose(truth, 1e-6, 1e-6));
        Assert.True(ObjectiveRidge.Solve(x, x.matmul(truth), 1e9).abs().max().item<double>() < 1e-6);
    }

    [Fact]
    public void Ranks_share_ties() => Assert.Equal([0.5, 2, 0.5, 3], Debiasing.Ranks([1, 2, 1, 5]));

    [Fact]
    public void An_objective_that_is_half_verbosity_loses_it_and_verbosity_becomes_zero()
    {
        var random = new Random(1);
        double[][] rewards = [.. Enumerable.Range(0, 2000).Select(_ =>
        {
            double v = random.NextDouble(), own = random.NextDouble();
            return (double[])[0.5 * v + own, v];
        })];
        var debiasing = Debiasing.Fit(rewards, 1);
        // The penalties step by 0.05, the threshold allows a little less than 0.5.
        Assert.InRange(debiasing.Lambda[0], 0.4, 0.55);
        double[][] after = debiasing.Apply(rewards);
        Assert.True(debiasing.Correlations(after, rewards)[0] <= Debiasing.Threshold);
        Assert.All(after, static r => Assert.Equal(0, r[1], 12));
    }

    [Fact]
    public void Hashed_words_are_unit_vectors_that_know_words_and_order()
    {
        var text = new HashedText(64, 1);
        double[] Of(string words) => text.Of(HashedText.Words(words));
        static double Cosine(double[] a, double[] b) => a.Zip(b, static (x, y) => x * y).Sum();
        Assert.Equal(1, Cosine(Of("The cat, the dog!"), Of("the CAT the dog")), 9);
        Assert.True(Cosine(Of("a b c d"), Of("d c b a")) < 0.999);
        Assert.All(Of(""), static f => Assert.Equal(0, f));
    }

    [Fact]
    public void Ratings_are_read_and_others_refused()
    {
        static MemoryStream Stream(string text) => new(Encoding.UTF8.GetBytes(text));
        var chat = Assert.Single(RatedTexts.UniEvalTexts(Stream("""[{"source":"s","system_output":"o","scores":{"naturalness":2,"overall":3}}]"""), "chat"));
        Assert.Equal((3.0, 2.0), (chat.Overall!.Value, chat.Ratings["naturalness"]));
        var dialogue = Assert.Single(RatedTexts.Dialogues(Stream("""{"dialogue":"d","summary":"s","annotations":[{"fluency":4},{"fluency":5}]}""")));
        Assert.Equal(4.5, dialogue.Ratings["fluency"]);
        foreach (string bad in new[] { "{}", "[{}]", "[", "[{\"source\":1,\"system_output\":\"\",\"scores\":{}}]" }) Assert.Throws<InvalidDataException>(() => RatedTexts.UniEvalTexts(Stream(bad), "chat"));
    }

    [Fact]
    public void A_tiny_run_measures_everything_and_without_the_gate_it_is_the_plain_sum()
    {
        var whole = PaperRun.Of(new ArmormSample(Tiny, Texts()));
        PaperRun.EverythingMeasured(whole);
        var ablated = PaperRun.Of(new ArmormSample(Tiny, Texts()), "--ablate", "gate");
        Assert.Equal(0, PaperRun.Measured(ablated, "rated-gated-beats-uniform"), 9);
        Assert.Equal("fails", PaperRun.Verdict(ablated, "weights-differ"));
        Assert.NotEqual("holds", PaperRun.Verdict(ablated, "gated-beats-fixed"));
        Assert.NotEqual("holds", PaperRun.Verdict(PaperRun.Of(new ArmormSample(Tiny, Texts()), "--ablate", "debiasing"), "debiased"));
    }

    private static List<RatedText> Texts() =>
        [.. Enumerable.Range(0, 200).Select(static i => new RatedText(i % 2 == 0 ? "chat" : "hotel", $"context {i / 4}", string.Concat(Enumerable.Repeat($"word{i % 7} ", 1 + i % 5)), new Dictionary<string, double> { ["fluency"] = i % 5 }, i % 3))];
}
