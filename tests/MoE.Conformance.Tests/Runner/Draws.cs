namespace MoE.Conformance.Runner;

/// <summary>Recorded random tensors as a noise source under the names that gates of the default scope ask for.</summary>
internal static class Draws
{
    /// <summary>A source of the draws that are there; null ones are left out, so that a gate that asks for one fails the case.</summary>
    public static RecordedNoise Of(params (string Purpose, GoldenTensor? Draw)[] draws) => new(draws
        .Where(static d => d.Draw is not null)
        .ToDictionary(static d => NoiseNames.Of(NoiseNames.DefaultScope, d.Purpose), static d => d.Draw!.ToSingles()));

    /// <summary>-log(max(-log(max(u, floor)), floor)): Gumbel noise as peers make it of uniform numbers that the file records.</summary>
    public static GoldenTensor Gumbel(GoldenTensor uniform, double floor = 1e-20) => GoldenTensor.OfReals(uniform.Type, [.. uniform.Shape],
        [.. uniform.Reals.ToArray().Select(u => -Math.Log(Math.Max(-Math.Log(Math.Max(u, floor)), floor)))]);

    /// <summary>-log(e): Gumbel noise of recorded exponential numbers.</summary>
    public static GoldenTensor GumbelOfExponential(GoldenTensor exponential) => GoldenTensor.OfReals(exponential.Type, [.. exponential.Shape],
        [.. exponential.Reals.ToArray().Select(static e => -Math.Log(e))]);
}
