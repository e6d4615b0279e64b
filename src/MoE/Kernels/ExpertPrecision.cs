namespace MoE;

/// <summary>In what precision a layer holds its experts' weights and multiplies.</summary>
/// <param name="Weights">How weights are held; biases and the router stay in single precision.</param>
/// <param name="Activations">What they are multiplied with; quantised activations need 8-bit or 4-bit weights.</param>
public sealed record ExpertPrecision(WeightFormat Weights = WeightFormat.Single, ActivationFormat Activations = ActivationFormat.Single)
{
    /// <summary>Single precision throughout.</summary>
    public static ExpertPrecision Single { get; } = new();

    /// <summary>Bytes per weight, scales included.</summary>
    public double BytesPerWeight => Weights switch
    {
        WeightFormat.Single => 4,
        WeightFormat.BFloat16 => 2,
        WeightFormat.Int8PerRow => 1,
        WeightFormat.Int8PerBlock => 1 + 2 / 32.0,
        WeightFormat.Int4PerBlock => 0.5 + 2 / 32.0,
        _ => 0.5 + 2.5 / 32.0,
    };

    internal ExpertPrecision Checked()
    {
        var problems = new List<SpecProblem>();
        if (!Enum.IsDefined(Weights)) problems.Add(new SpecProblem("weights", Weights.ToString(), "must be a defined format"));
        if (!Enum.IsDefined(Activations)) problems.Add(new SpecProblem("activations", Activations.ToString(), "must be a defined format"));
        if (Activations == ActivationFormat.Int8 && Weights is WeightFormat.Single or WeightFormat.BFloat16) problems.Add(new SpecProblem("activations", "Int8", $"needs 8-bit or 4-bit weights; these are {Weights}"));
        SpecException.ThrowIfAny([.. problems]);
        return this;
    }
}
