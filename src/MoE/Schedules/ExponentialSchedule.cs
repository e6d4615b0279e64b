namespace MoE;

/// <summary>The same factor at every step: <c>from (to / from)^u</c>, u the share of the ramp. Neither end is zero, and both have one sign.</summary>
public sealed record ExponentialSchedule : RampSchedule
{
    internal override void Check(SpecProblems problems, string path)
    {
        base.Check(problems, path);
        problems.Require(From != 0, $"{path}.from", From, "must not be zero");
        double ratio = To / From;
        if (From != 0 && double.IsFinite(From) && double.IsFinite(To))
            problems.Require(ratio > 0 && double.IsFinite(ratio), $"{path}.to", To, $"must be a positive, finite multiple of from ({SpecProblems.Text(From)})");
    }

    private protected override double Between(double share) => From * Math.Pow(To / From, share);
}
