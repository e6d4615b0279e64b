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
        Activation.Silu => x / (Vector512<float>.One + Vector512.Exp(x * -alpha)),
        Activation.Gelu => Gelu(x),
        Activation.GeluTanh => GeluTanh(x),
        _ => x,
    };

    private static Vector512<float> Gelu(Vector512<float> x)
    {
        var z = x * 0.70710678118654752f;
        var a = Vector512.Abs(z);
        var t = Vector512<float>.One / (Vector512<float>.One + a * 0.3275911f);
        var poly = ((((t * 1.061405429f - Vector512.Create(1.453152027f)) * t + Vector512.Create(1.421413741f)) * t - Vector512.Create(0.284496736f)) * t + Vector512.Create(0.254829592f)) * t;
        // 1 - erf(|z|), so that the tail of negative x keeps its digits.
        var tail = poly * Vector512.Exp(-a * a) * 0.5f;
        return x * Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
    }

    private static Vector512<float> GeluTanh(Vector512<float> x)
    {
        // x (1 + tanh z) / 2 = x / (1 + exp(-2 z)).
        var z = (x + x * x * x * 0.044715f) * 0.79788456080286536f;
        return x / (Vector512<float>.One + Vector512.Exp(z * -2f));
    }
}
