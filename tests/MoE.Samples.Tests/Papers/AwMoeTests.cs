using MoE.Samples.Commands;
using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using MoE.Samples.Papers.AwMoe;
using MoE.Samples.Ratings;
using TorchSharp;

namespace MoE.Samples.Tests.Papers;

public sealed class AwMoeTests
{
    private static readonly AwMoeSample.Recipe Tiny = new(Seeds: 2, Most: 600, Epochs: 1);

    [Fact]
    public void Areas_of_drawn_users_are_areas_of_their_rows_repeated()
    {
        // One user: every sample is the rows themselves.
        float[] scores = [0.5f, 0.9f, 0.2f, 0.5f, 0.9f];
        bool[] positive = [true, true, false, false, false];
        double whole = 100 * Auc.Of(scores, positive);
        Assert.All(new UserBootstrap([7, 7, 7, 7, 7], positive, 20, new Draws(1)).Areas(scores), a => Assert.Equal(whole, a, 10));

        // Two users: both once, or one of them twice.
        int[] users = [0, 0, 0, 1, 1];
        positive = [true, false, false, true, false];
        double[] possible = [100 * Auc.Of(scores, positive), 100 * Auc.Of(scores.AsSpan(0, 3), positive.AsSpan(0, 3)), 100 * Auc.Of(scores.AsSpan(3), positive.AsSpan(3))];
        double[] areas = new UserBootstrap(users, positive, 200, new Draws(2)).Areas(scores);
        Assert.All(areas, a => Assert.Contains(possible, p => Math.Abs(p - a) < 1e-9));
        Assert.All(possible, p => Assert.Contains(areas, a => Math.Abs(p - a) < 1e-9));
    }

    [Fact]
    public void A_view_takes_behaviours_out_and_adds_none()
    {
        using var scope = torch.NewDisposeScope();
        var past = torch.arange(1, 4001).reshape(200, 20);
        var view = Training.Mask(past, new Draws(3));
        Assert.True(view.eq(0).logical_or(view.eq(past)).all().item<bool>());
        // 4,000 draws: five standard deviations of the share are 0.032.
        Assert.Equal(Training.Masked, view.eq(0).to(torch.ScalarType.Float32).mean().item<float>(), 0.032);
    }

    [Fact]
    public void A_short_history_is_the_latest_films_alone()
    {
        using var scope = torch.NewDisposeScope();
        var data = new RatingSequences(Films(8, 30), AwMoeSample.Length);
        using var model = new Ranker(data, GateForm.Attention);
        int[] rows = data.Testing;
        int Liked(int row) => (int)data.Take([row]).Sequences.select(1, 0).ne(0).sum().item<long>();
        float[] whole = Training.Scores(model, data, rows);
        Assert.Equal(whole, Training.Scores(model, data, rows, [.. rows.Select(Liked)]));
        Assert.NotEqual(whole, Training.Scores(model, data, rows, [.. rows.Select(static _ => 1)]));
        // With nothing kept all histories are alike.
        float[] none = Training.Scores(model, data, rows, [.. rows.Select(static _ => 0)]);
        Assert.Equal(none, Training.Scores(model, data, rows, [.. rows.Select(static _ => 0)], [.. rows.Reverse()]));
    }

    [Fact]
    public void The_rival_has_as_many_parameters_as_the_experts()
    {
        var data = new RatingSequences(Films(3, 10), AwMoeSample.Length);
        long Count(GateForm form)
        {
            using var model = new Ranker(data, form);
            return model.Parameters;
        }

        // The gates' own numbers come on top of the experts'.
        Assert.InRange(Count(GateForm.None) / (double)Count(GateForm.Pooled), 0.9, 1.1);
        Assert.InRange(Count(GateForm.Attention) / (double)Count(GateForm.Pooled), 1.0, 1.1);
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        AwMoeSample Sample() => new(Tiny, new RatingSequences(Films(20, 40), AwMoeSample.Length));
        var whole = PaperRun.Of(Sample());
        PaperRun.EverythingMeasured(whole);
        foreach (string exact in new[] { "sum-of-behaviours", "absent-bits", "contrast-closed-form" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        Assert.NotEqual(0, PaperRun.Measured(whole, "long-tail-gain"));
        Assert.NotEqual(0, PaperRun.Measured(whole, "attention-over-mean"));
        var plain = PaperRun.Of(Sample(), "--ablate", "contrast");
        foreach (string id in new[] { "long-tail-gain", "long-tail-gain-users", "views-agree" })
        {
            Assert.Equal(0, PaperRun.Measured(plain, id));
            Assert.Equal("fails", PaperRun.Verdict(plain, id));
        }

        var mean = PaperRun.Of(Sample(), "--ablate", "attention");
        Assert.Equal(0, PaperRun.Measured(mean, "attention-over-mean"));
        Assert.Equal("fails", PaperRun.Verdict(mean, "attention-over-mean"));
    }

    [Fact]
    public void Without_data_it_says_how_to_get_them()
    {
        using var folder = new TemporaryFolder();
        var outcome = Shell.Run([new AwMoeSample()], ["run", "aw-moe", "--data", folder.Path, "--out", folder.Path]);
        Assert.Equal(ExitCode.Ran, outcome.ExitCode);
        Assert.Contains("data get movielens-latest-small-2018", string.Concat(outcome.Output.Split('\n').Select(static l => l.TrimEnd() + " ")), StringComparison.Ordinal);
    }

    // Users of even numbers like films of even numbers, the others the others.
    private static MovieLensSmall Films(int users, int each) => new(
        [.. Enumerable.Range(0, users).SelectMany(u => Enumerable.Range(0, each).Select(f => new MovieLensSmall.Rating(u + 1, (f * 7 + u) % each + 10, ((f * 7 + u) % each + u) % 2 == 0 ? 4.5 : 2, 1000 + f)))],
        Enumerable.Range(0, each).ToDictionary(static f => f + 10, static f => (string[])[f % 2 == 0 ? "Drama" : "Comedy", "War"]));
}
