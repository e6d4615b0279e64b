namespace MoE;

/// <summary>Half a cosine, flat at both ends: <c>to + (from - to) (1 + cos(pi u)) / 2</c>, u the share of the ramp (Loshchilov and Hutter 2017, without restarts).</summary>
public sealed record CosineSchedule : RampSchedule
{
    private protected override double Between(double share) => To + (From - To) * ((1 + Math.Cos(Math.PI * share)) / 2);
}
