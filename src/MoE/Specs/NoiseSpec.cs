using System.Text.Json.Serialization;

namespace MoE;

/// <summary>What of a gate sees the noise.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<NoiseUse>))]
public enum NoiseUse
{
    /// <summary>Scores, choice and weights (noisy top-k, V-MoE, Tutel, FastMoE Switch).</summary>
    Scores,

    /// <summary>The choice only: experts are chosen by noisy logits and weighed by clean scores (DeepSpeed <c>RSample</c>).</summary>
    Choice,

    /// <summary>The choice of all but the first expert; the first is the best without noise, and the weights are clean (GShard's sampled second expert: DeepSpeed, NLLB, torchscale).</summary>
    LaterChoices,
}

/// <summary>
/// Noise on the logits, before the temperature: l + shift + scale * n, or l * (shift + scale * n). The draw is called <see cref="NoiseNames.Logits"/> and has the shape [T, E]; it carries no gradient.
/// </summary>
public sealed record NoiseSpec
{
    /// <summary>The distribution of n; <see cref="NoiseKind.Uniform"/> is U(-1, 1) here.</summary>
    public NoiseKind Kind { get; init; } = NoiseKind.Normal;

    /// <summary>Multiplies n; finite, not negative.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>The scale is divided by E (V-MoE, Tutel).</summary>
    public bool PerExpert { get; init; }

    /// <summary>Added to the scaled noise; finite. One for FastMoE's switch gate, which adds U(1 - e, 1 + e), and for noise that multiplies.</summary>
    public double Shift { get; init; }

    /// <summary>The logits are multiplied instead.</summary>
    public bool Multiplies { get; init; }

    /// <summary>What sees the noise.</summary>
    public NoiseUse Use { get; init; } = NoiseUse.Scores;

    /// <summary>In training only; otherwise in evaluation too.</summary>
    public bool TrainingOnly { get; init; } = true;

    /// <summary>The scale for E experts.</summary>
    /// <param name="experts">E, positive.</param>
    public double ScaleOf(int experts) => PerExpert ? Scale / experts : Scale;

    internal void Check(SpecProblems problems, string path, SelectSpec? select)
    {
        problems.RequireDefined(Kind, $"{path}.kind");
        problems.RequireDefined(Use, $"{path}.use");
        problems.Require(double.IsFinite(Scale) && Scale >= 0, $"{path}.scale", Scale, "must be finite and not negative");
        problems.Require(double.IsFinite(Shift), $"{path}.shift", Shift, "must be finite");
        if (Use == NoiseUse.Scores || select is null) return;
        problems.Require(select is TopKSelection { Groups: null, UsesBias: false }, $"{path}.use", Use, "noise on the choice alone needs a top-k selection without groups and bias");
    }
}
