namespace MoE.Samples.Papers.Temperature;

/// <summary>
/// Two linear Gaussian experts behind a softmax gate with a temperature: logits (phi(slope x) + bias) / tau for the first and phi(0) / tau for the second. All parameters in one array, as gradients are.
/// </summary>
/// <param name="Values">Gate slope, gate bias, log tau, a1, a2, b1, b2, log variance 1, 2.</param>
public readonly record struct Parameters(double[] Values)
{
    /// <summary>Number of parameters, and of those of the gate.</summary>
    public const int Count = 9, OfGate = 3;

    /// <summary>A gate with the experts of all experiments here.</summary>
    public static Parameters True(double slope, double bias, double temperature) => new([slope, bias, Math.Log(temperature), -20, 20, 15, -5, Math.Log(0.3), Math.Log(0.4)]);

    /// <summary>Slope of the gate.</summary>
    public double Slope => Values[0];

    /// <summary>Bias of the gate.</summary>
    public double Bias => Values[1];

    /// <summary>The temperature.</summary>
    public double Temperature => Math.Exp(Values[2]);

    /// <summary>Slope of an expert's mean.</summary>
    public double A(int expert) => Values[3 + expert];

    /// <summary>Intercept of an expert's mean.</summary>
    public double B(int expert) => Values[5 + expert];

    /// <summary>Variance of an expert.</summary>
    public double Variance(int expert) => Math.Exp(Values[7 + expert]);

    /// <summary>The gate's logit between the experts.</summary>
    public double Logit(GateActivation activation, double x) => (activation.Value(Slope * x) - activation.Value(0) + Bias) / Temperature;

    /// <summary>The same experts behind the gate with slope, bias and temperature times a factor.</summary>
    public Parameters Scaled(double factor)
    {
        double[] values = [.. Values];
        values[0] *= factor;
        values[1] *= factor;
        values[2] += Math.Log(factor);
        return new(values);
    }

    /// <summary>Sum of the errors of slope, bias and temperature.</summary>
    public double GateError(Parameters truth) => Math.Abs(Slope - truth.Slope) + Math.Abs(Bias - truth.Bias) + Math.Abs(Temperature - truth.Temperature);

    /// <summary>Sum of the errors of the experts.</summary>
    public double ExpertError(Parameters truth)
    {
        var fit = this;
        return Enumerable.Range(0, 2).Sum(j => Math.Abs(fit.A(j) - truth.A(j)) + Math.Abs(fit.B(j) - truth.B(j)) + Math.Abs(fit.Variance(j) - truth.Variance(j)));
    }

    /// <summary>Mean difference of the first expert's share over 101 points of [-1, 1].</summary>
    public double FunctionError(Parameters truth, GateActivation activation)
    {
        var fit = this;
        return Enumerable.Range(0, 101).Average(i => Math.Abs(GateActivation.Logistic(fit.Logit(activation, -1 + 0.02 * i)) - GateActivation.Logistic(truth.Logit(activation, -1 + 0.02 * i))));
    }
}
