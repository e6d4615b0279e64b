namespace MoE;

/// <summary>A straight line: <c>from + (to - from) u</c>, u the share of the ramp.</summary>
/// <example><code>var temperature = new LinearSchedule { From = 2, To = 0.3, Steps = 10_000 };</code></example>
public sealed record LinearSchedule : RampSchedule
{
    private protected override double Between(double share) => From + (To - From) * share;
}
