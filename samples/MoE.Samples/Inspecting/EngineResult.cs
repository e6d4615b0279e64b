namespace MoE.Samples.Inspecting;

/// <summary>How an engine compares with the reference on one layer.</summary>
/// <param name="Engine">Its name.</param>
/// <param name="Refusal">Why it did not run, or null.</param>
/// <param name="MaxDifference">The largest difference of an output number.</param>
/// <param name="Beyond">Output numbers beyond the tolerance of layer outputs in single precision: 1e-5 and 1e-4 of the number, or of the typical number of the outputs where that is larger.</param>
/// <param name="Rerouted">Tokens that go to other experts.</param>
/// <param name="WidestMargin">Of these, the largest routing margin in the reference; choices closer than 1e-5 may differ between engines.</param>
/// <param name="Milliseconds">Time of the call, once warm.</param>
public sealed record EngineResult(string Engine, string? Refusal, double MaxDifference, int Beyond, int Rerouted, double WidestMargin, double Milliseconds)
{
    /// <summary>It ran and agrees, or it did not run.</summary>
    public bool Agrees => Refusal is not null || (Beyond == 0 && (Rerouted == 0 || WidestMargin < 1e-5));

    /// <summary>An engine that did not run.</summary>
    public static EngineResult Refused(string engine, string reason) => new(engine, reason, 0, 0, 0, 0, 0);
}
