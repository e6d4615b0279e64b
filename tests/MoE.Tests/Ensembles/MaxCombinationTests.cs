using CsCheck;

namespace MoE.Tests.Ensembles;

public sealed class MaxCombinationTests
{
    [Fact]
    public void The_largest_score_of_all_experts_wins_and_equal_ones_go_to_the_lowest_class()
    {
        var combination = MaxCombination.Raw([2, 1, 3]);
        Assert.Equal((3, 6), (combination.Experts, combination.Classes));
        int[] winners = new int[3];
        combination.Choose([1, 2, 5, 4, 3, 0, 7, 7, 7, 7, 7, 7, -3, -2, -9, -2, -4, -1], winners);
        Assert.Equal([2, 0, 5], winners);
        Assert.Equal([0, 0, 1, 2, 2, 2], Enumerable.Range(0, 6).Select(combination.ExpertOf));
    }

    [Fact]
    public void Standardised_experts_compete_alike_however_their_scores_are_scaled() =>
        Gen.Select(Gen.Int[1, 4].Array[1, 5], Gen.Int[2, 30], Gen.Int[1, 7], Gen.Int[-100, 100], Draw.Seed).Sample((classes, rows, power, shift, seed) =>
        {
            int width = classes.Sum();
            float[] scores = Draw.Normal(rows * width, seed), scaled = [.. scores];
            // Another scale and level for the first expert: its standardised scores stay, up to rounding of single precision.
            float factor = MathF.Pow(2, power);
            for (int i = 0; i < scores.Length; i++) if (i % width < classes[0]) scaled[i] = factor * scores[i] + shift;
            int[] before = new int[rows], after = new int[rows];
            MaxCombination.Standardized(classes, scores).Choose(scores, before);
            MaxCombination.Standardized(classes, scaled).Choose(scaled, after);
            var (mean, deviation) = Moments(classes[0], width, scores);
            for (int r = 0; r < rows; r++)
            {
                // A rounding of 1 in 2^23 of the scaled score, over its deviation; where winners differ their scores are within it.
                double room = 4 * Math.Pow(2, -23) * (factor * 10 + Math.Abs(shift)) / (factor * Math.Max(deviation, 1e-3));
                double Score(int c) => c < classes[0] ? (scores[r * width + c] - mean) / (deviation > 0 ? deviation : 1) : Standard(classes, scores, width, r, c);
                if (before[r] != after[r] && deviation > 1e-3) Assert.True(Math.Abs(Score(before[r]) - Score(after[r])) <= room);
            }
        });

    [Fact]
    public void Standardised_scores_have_mean_zero_and_deviation_one()
    {
        // Expert 0: 1 and 3, mean 2, deviation 1. Expert 1: 100 and 300, mean 200, deviation 100: a raw 260 stands for 0.6 and loses against 0.7.
        var combination = MaxCombination.Standardized([1, 1], [1, 100, 3, 300]);
        int[] winners = new int[2];
        combination.Choose([2.7f, 260, 2.5f, 260], winners);
        Assert.Equal([0, 1], winners);
        MaxCombination.Raw([1, 1]).Choose([2.7f, 260, 2.5f, 260], winners);
        Assert.Equal([1, 1], winners);
        // An expert that always says the same has no deviation: only its mean goes.
        MaxCombination.Standardized([1, 1], [5, 1, 5, 3]).Choose([6, 2.5f, 5.2f, 2.5f], winners);
        Assert.Equal([0, 1], winners);
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        Assert.Throws<ArgumentException>("classes", () => MaxCombination.Raw([]));
        Assert.Throws<ArgumentException>("classes", () => MaxCombination.Raw([2, 0]));
        Assert.Throws<ArgumentException>("examples", () => MaxCombination.Standardized([2], [1, 2, 3]));
        Assert.Throws<ArgumentException>("examples", () => MaxCombination.Standardized([2], [1, float.NaN]));
        Assert.Throws<ArgumentException>("scores", () => MaxCombination.Raw([2]).Choose([1, 2, 3], new int[1]));
        Assert.Throws<ArgumentException>("scores", () => MaxCombination.Raw([2]).Choose([1, float.NaN], new int[1]));
        Assert.Throws<ArgumentOutOfRangeException>("winner", () => MaxCombination.Raw([2]).ExpertOf(2));
    }

    private static double Standard(int[] classes, float[] scores, int width, int row, int c)
    {
        int from = 0, e = 0;
        while (from + classes[e] <= c) from += classes[e++];
        var own = Enumerable.Range(0, scores.Length / width).SelectMany(r => scores.Skip(r * width + from).Take(classes[e])).Select(static v => (double)v).ToList();
        double mean = own.Average(), deviation = Math.Sqrt(own.Average(v => (v - mean) * (v - mean)));
        return (scores[row * width + c] - mean) / (deviation > 0 ? deviation : 1);
    }

    private static (double Mean, double Deviation) Moments(int first, int width, float[] scores)
    {
        var own = scores.Where((_, i) => i % width < first).Select(static v => (double)v).ToList();
        double mean = own.Average();
        return (mean, Math.Sqrt(own.Average(v => (v - mean) * (v - mean))));
    }
}
