namespace MoE;

/// <summary>The activations in double precision.</summary>
internal static class Activations
{
    public static double Apply(Activation activation, double alpha, double x) => activation switch
    {
        Activation.Relu => Math.Max(x, 0),
        Activation.Gelu => 0.5 * x * (1 + Erf(x / Math.Sqrt(2))),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        Activation.Silu => x * ScoreFunctions.Sigmoid(alpha * x),
        Activation.Identity => x,
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "must be a defined activation"),
    };

    /// <summary>The error function, to about 1e-15: Taylor series near zero, continued fraction of erfc beyond (Abramowitz and Stegun 7.1.6, 7.1.14).</summary>
    public static double Erf(double x)
    {
        double a = Math.Abs(x);
        if (double.IsNaN(x)) return x;
        if (a > 6) return Math.Sign(x);
        if (a > 2.5) return Math.Sign(x) * (1 - Erfc(a));
        double term = a, sum = a;
        for (int n = 1; Math.Abs(term) > 1e-18 * sum; n++)
        {
            term *= 2 * a * a / (2 * n + 1);
            sum += term;
        }

        return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * Math.Exp(-a * a) * sum;
    }

    private static double Erfc(double a)
    {
        double fraction = 0;
        for (int n = 60; n >= 1; n--) fraction = n / 2.0 / (a + fraction);
        return Math.Exp(-a * a) / (Math.Sqrt(Math.PI) * (a + fraction));
    }
}
