using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>What follows the first product of an expert, on sixteen numbers at a time.</summary>
internal static class Epilogues
{
    /// <summary>act(gate) * (up + offset), clamped first where the spec has a limit.</summary>
    public static Vector512<float> Glu(ExpertSpec spec, Vector512<float> gate, Vector512<float> up)
    {
        if (spec.Limit is { } limit)
        {
            var most = Vector512.Create((float)limit);
            gate = Vector512.Min(gate, most);
            up = Vector512.Min(Vector512.Max(up, -most), most);
        }

        if (spec.UpOffset != 0) up += Vector512.Create((float)spec.UpOffset);
        return Apply(spec.Activation, (float)spec.Alpha, gate) * up;
    }

    /// <summary>The activation; exponentials to a few units in the last place, the error function of GELU to 2e-7 (Abramowitz and Stegun 7.1.26).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Activation activation, float alpha, Vector512<float> x) => activation switch
    {
        Activation.Relu => Vector512.Max(x, Vector512<float>.Zero),
        Activation.Silu => x / (Vector512<float>.One + Exp(x * -alpha)),
        Activation.Gelu => Gelu(x),
        Activation.GeluTanh => GeluTanh(x),
        _ => x,
    };

    /// <summary>The derivative of <see cref="Apply"/>; at the corner of ReLU zero.</summary>
    public static Vector512<float> Slope(Activation activation, float alpha, Vector512<float> x)
    {
        var one = Vector512<float>.One;
        switch (activation)
        {
            case Activation.Relu:
                return Vector512.BitwiseAnd(Vector512.GreaterThan(x, Vector512<float>.Zero), one);
            case Activation.Silu:
                var s = one / (one + Exp(x * -alpha));
                return s * (one + x * alpha * (one - s));
            case Activation.Gelu:
                var z = x * 0.70710678118654752f;
                return Phi(z) + x * Exp(-z * z) * 0.39894228040143268f;
            case Activation.GeluTanh:
                // x q, q = 1 / (1 + exp(-2 z)); far out q is 0 or 1 and only its own term is left.
                x = Vector512.Min(Vector512.Max(x, Vector512.Create(-30f)), Vector512.Create(30f));
                var inner = (x + x * x * x * 0.044715f) * 0.79788456080286536f;
                var q = one / (one + Exp(inner * -2f));
                return q + x * q * (one - q) * (one + x * x * 0.134145f) * 1.59576912160573072f;
            default:
                return one;
        }
    }

    /// <summary>e^x to 2 units in the last place; infinite above 88.7, zero below -103.9, NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // The order of the operands lets NaN through.
        x = Vector512.MinNative(Vector512.Create(104f), Vector512.MaxNative(Vector512.Create(-104f), x));
        // x = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts.
        var n = Vector512.Round(x * 1.44269504f);
        var r = Vector512.MultiplyAddEstimate(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.MultiplyAddEstimate(n, Vector512.Create(2.12194440e-4f), r);
        // Taylor to r^7: 5e-9.
        var p = Vector512.Create(1f / 5040);
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(1f / 720));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(1f / 120));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(1f / 24));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(1f / 6));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512.Create(0.5f));
        p = Vector512.MultiplyAddEstimate(p, r, Vector512<float>.One);
        p = Vector512.MultiplyAddEstimate(p, r, Vector512<float>.One);
        // 2^n in two factors, each of which is a normal number.
        var whole = Vector512.ConvertToInt32Native(n);
        var half = Vector512.ShiftRightArithmetic(whole, 1);
        return p * Power(half) * Power(whole - half);
    }

    private static Vector512<float> Power(Vector512<int> n) => Vector512.ShiftLeft(n + Vector512.Create(127), 23).AsSingle();

    private static Vector512<float> Gelu(Vector512<float> x) => x * Phi(x * 0.70710678118654752f);

    // (1 + erf(z)) / 2.
    private static Vector512<float> Phi(Vector512<float> z)
    {
        var a = Vector512.Abs(z);
        var t = Vector512<float>.One / (Vector512<float>.One + a * 0.3275911f);
        var poly = ((((t * 1.061405429f - Vector512.Create(1.453152027f)) * t + Vector512.Create(1.421413741f)) * t - Vector512.Create(0.284496736f)) * t + Vector512.Create(0.254829592f)) * t;
        // 1 - erf(|z|), so that the tail of negative z keeps its digits.
        var tail = poly * Exp(-a * a) * 0.5f;
        return Vector512.ConditionalSelect(Vector512.LessThan(z, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
    }

    private static Vector512<float> GeluTanh(Vector512<float> x)
    {
        // x (1 + tanh z) / 2 = x / (1 + exp(-2 z)).
        var z = (x + x * x * x * 0.044715f) * 0.79788456080286536f;
        return x / (Vector512<float>.One + Exp(z * -2f));
    }
}
