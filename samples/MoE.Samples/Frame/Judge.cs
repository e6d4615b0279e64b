namespace MoE.Samples.Frame;

/// <summary>From measurements to verdicts: by the interval over seeds, never by one run.</summary>
public static class Judge
{
    /// <summary>Judges a claim.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="values">One value per seed; empty: not measured.</param>
    /// <param name="missing">Why there is no measurement, where there is none.</param>
    public static ClaimResult Of(Claim claim, IReadOnlyList<double> values, string missing)
    {
        if (values.Count == 0) return new(claim, double.NaN, double.NaN, double.NaN, Verdict.NotRun, missing);
        return claim.Exact ? Exact(claim, values) : Learned(claim, values);
    }

    private static ClaimResult Exact(Claim claim, IReadOnlyList<double> values)
    {
        double worst = values.MaxBy(v => Excess(claim.Bound, v));
        bool holds = values.All(claim.Bound.Allows);
        return new(claim, worst, values.Min(), values.Max(), holds ? Verdict.Holds : Verdict.Fails, holds ? "within the bound for every seed" : "outside the bound for at least one seed");
    }

    private static ClaimResult Learned(Claim claim, IReadOnlyList<double> values)
    {
        var (mean, _, low, high, _) = Interval.Over(values);
        if (!values.All(double.IsFinite)) return new(claim, mean, low, high, Verdict.Fails, "a value is not finite");
        if (values.Count < 2) return new(claim, mean, low, high, Verdict.Inconclusive, "one seed gives no interval");
        var bound = claim.Bound;
        if (bound.Allows(low) && bound.Allows(high)) return new(claim, mean, low, high, Verdict.Holds, "the whole interval lies within the bound");
        if (high < bound.Low || low > bound.High) return new(claim, mean, low, high, Verdict.Fails, "the whole interval lies outside the bound");
        return new(claim, mean, low, high, Verdict.Inconclusive, "the interval crosses the bound");
    }

    // How far a value lies outside, negative inside; NaN is furthest.
    private static double Excess(Bound bound, double value) =>
        double.IsNaN(value) ? double.PositiveInfinity : Math.Max(bound.Low - value, value - bound.High);
}
