using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.AwMoe;

/// <summary>Areas under the ROC curve when users are drawn anew with replacement: a user's rows come or go together.</summary>
public sealed class UserBootstrap
{
    private readonly int[] _users;
    private readonly bool[] _positive;
    private readonly double[][] _draws;

    /// <summary>Draws samples of users; every score set is measured on the same ones.</summary>
    /// <param name="users">The user of each row.</param>
    /// <param name="positive">The label of each row.</param>
    /// <param name="samples">How many samples.</param>
    /// <param name="draws">Draws them.</param>
    public UserBootstrap(int[] users, bool[] positive, int samples, Draws draws)
    {
        (_users, _positive) = (users, positive);
        int[] all = [.. users.Distinct().Order()];
        int most = all.Length == 0 ? 0 : all[^1] + 1;
        _draws = new double[samples][];
        for (int s = 0; s < samples; s++)
        {
            _draws[s] = new double[most];
            for (int i = 0; i < all.Length; i++) _draws[s][all[draws.Below(all.Length)]]++;
        }
    }

    /// <summary>The area in each sample, in percent.</summary>
    /// <param name="scores">One per row.</param>
    public double[] Areas(float[] scores)
    {
        int[] order = [.. Enumerable.Range(0, scores.Length)];
        float[] sorted = [.. scores];
        Array.Sort(sorted, order);
        return [.. _draws.Select(times => 100 * Area(sorted, order, times))];
    }

    /// <summary>The 95 % percentile interval of values.</summary>
    public static (double Low, double High) Interval(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int cut = sorted.Length / 40;
        return (sorted[cut], sorted[^(1 + cut)]);
    }

    private double Area(float[] sorted, int[] order, double[] times)
    {
        double below = 0, pairs = 0, positives = 0;
        for (int from = 0, to; from < sorted.Length; from = to)
        {
            double plus = 0, minus = 0;
            for (to = from; to < sorted.Length && sorted[to] == sorted[from]; to++)
            {
                double weight = times[_users[order[to]]];
                if (_positive[order[to]]) plus += weight;
                else minus += weight;
            }

            // A tie is half a pair.
            pairs += plus * (below + minus / 2);
            below += minus;
            positives += plus;
        }

        return pairs / (positives * below);
    }
}
