using CsCheck;

namespace MoE.Tests.Exits;

public sealed class ExitRulesTests
{
    private static readonly Gen<float[]> Gates = Gen.Double[0, 1].Select(static d => (float)d).Array[0, 8];

    [Fact]
    public void Shares_are_a_distribution() => Gates.Sample(gates =>
    {
        var shares = new float[gates.Length + 1];
        ExitRules.Distribution(gates, shares);
        return shares.All(static p => p >= 0) && Math.Abs(shares.Sum(static p => (double)p) - 1) < 1e-6 && shares.Take(gates.Length).Zip(gates).All(static s => s.First <= s.Second);
    });

    [Fact]
    public void The_greedy_rule_is_the_sequential_product_form() => Gates.Sample(gates =>
    {
        var shares = new float[gates.Length + 1];
        ExitRules.Distribution(gates, shares);
        // As the paper's code walks: the probability of having survived is the product of the conditional ones.
        int expected = gates.Length;
        double left = 1;
        for (int l = 0; l < gates.Length; l++)
        {
            double c = left <= 0 ? 1 : Math.Clamp(shares[l] / left, 0, 1);
            if (c >= 0.5)
            {
                expected = l;
                break;
            }

            left *= 1 - c;
        }

        // A second form: stop as soon as half of what is left has gone.
        double gone = 0;
        int second = gates.Length;
        for (int l = 0; l < gates.Length; l++)
        {
            if (gone >= 1 || shares[l] >= 0.5 * (1 - gone))
            {
                second = l;
                break;
            }

            gone += shares[l];
        }

        int exit = ExitRules.Greedy(shares);
        return exit == expected && (exit == second || Math.Abs(shares[Math.Min(exit, second)] / (1 - shares.Take(Math.Min(exit, second)).Sum(static p => (double)p)) - 0.5) < 1e-4);
    });

    [Fact]
    public void Simple_rules()
    {
        Assert.Equal(1, ExitRules.Threshold([0.2f, 0.9f, 0.1f], 0.9f));
        Assert.Equal(2, ExitRules.Threshold([0.2f, 0.8f, 0.1f], 0.95));
        Assert.Equal(1, ExitRules.Oracle([false, true, true]));
        Assert.Equal(0, ExitRules.Oracle([false, false]));
        Assert.Equal(2, ExitRules.BestUtility([0.5f, 0.6f, 0.9f], [0, 0.5f, 1], 0.3));
        Assert.Equal(0, ExitRules.BestUtility([0.5f, 0.6f, 0.9f], [0, 0.5f, 1], 0.5));
        Assert.Equal(0, ExitRules.BestUtility([1, 1], [2, 2], 1));
        var labels = new bool[3];
        ExitRules.GateLabels(1, labels);
        Assert.Equal([false, true, true], labels);
        ExitRules.GateLabels(3, labels);
        Assert.Equal([false, false, false], labels);
    }

    [Fact]
    public void Dearer_budgets_never_go_deeper() => Gen.Select(Draw.Seed, Gen.Double[0, 5], Gen.Double[0, 5]).Sample((seed, a, b) =>
    {
        float[] quality = Draw.Normal(6, seed), cost = [0, 1, 2, 3, 4, 5];
        return ExitRules.BestUtility(quality, cost, Math.Max(a, b)) <= ExitRules.BestUtility(quality, cost, Math.Min(a, b));
    });

    [Fact]
    public void Calibration_finds_the_cheapest_threshold_that_is_good_enough()
    {
        // Four samples, two exits; the first is right where it is surer than 0.6.
        float[] confidence = [0.9f, 1, 0.7f, 1, 0.6f, 1, 0.5f, 1];
        bool[] right = [true, true, true, true, false, true, false, true];
        Assert.Equal(new ExitCalibration(0.7f, 1, 2), ExitRules.Calibrate(confidence, right, [1, 3], 1), static (a, b) => Math.Abs(a.Threshold - b.Threshold) < 1e-6 && a.Accuracy == b.Accuracy && a.MeanCost == b.MeanCost);
        Assert.Equal(1, ExitRules.Calibrate(confidence, right, [1, 3], 0.5).MeanCost);
        bool[] never = new bool[8];
        Assert.Equal(double.PositiveInfinity, ExitRules.Calibrate(confidence, never, [1, 3], 0.5).Threshold);
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        Assert.Throws<ArgumentException>("gates", () => ExitRules.Distribution([1.1f], new float[2]));
        Assert.Throws<ArgumentException>("gates", () => ExitRules.Distribution([float.NaN], new float[2]));
        Assert.Throws<ArgumentException>("shares", () => ExitRules.Distribution([0.5f], new float[1]));
        Assert.Throws<ArgumentException>("confidence", () => ExitRules.Threshold([], 0.5));
        Assert.Throws<ArgumentException>("confidence", () => ExitRules.Threshold([0.1f, float.NaN], 0.5));
        Assert.Throws<ArgumentException>("quality", () => ExitRules.BestUtility([float.NaN], [1], 1));
        Assert.Throws<ArgumentOutOfRangeException>("target", () => ExitRules.GateLabels(3, new bool[2]));
    }
}
