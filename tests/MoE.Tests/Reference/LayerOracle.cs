namespace MoE.Tests.Reference;

/// <summary>The layer written a second time, as the double loops of its definition over a dense [T, E] weight matrix.</summary>
internal static class LayerOracle
{
    public static WeightDictionary RandomWeights(MoELayerSpec spec, int seed)
    {
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, Draw.Normal(shape.Aggregate(1, static (a, b) => a * b), seed++, 0.7), shape);
        return weights;
    }

    /// <summary>y_t = sum_e w_te f_e(x_t) or sum_e f_e(w_te x_t), only over the routed e, plus the shared expert.</summary>
    public static double[] Forward(MoELayerSpec spec, WeightDictionary weights, float[] x, float[] weights_TE, bool[] routed_TE)
    {
        int d = spec.Width, e = spec.Router.Experts, tokens = x.Length / d;
        var y = new double[x.Length];
        for (int t = 0; t < tokens; t++)
        {
            double[] token = [.. x[(t * d)..((t + 1) * d)].Select(static v => (double)v)];
            for (int i = 0; i < e; i++)
            {
                if (!routed_TE[t * e + i]) continue;
                double w = weights_TE[t * e + i];
                bool input = spec.Weighted == WeightedSide.Input;
                double[] output = Expert(spec, weights, "experts.", i, spec.Expert.Width, [.. token.Select(v => input ? w * v : v)]);
                for (int j = 0; j < d; j++) y[t * d + j] += input ? output[j] : w * output[j];
            }

            if (spec.Shared is not { } shared) continue;
            double gate = 1;
            if (shared.SigmoidGate)
            {
                float[] row = Get(weights, "shared_gate.weight")!;
                double dot = 0;
                for (int j = 0; j < d; j++) dot += row[j] * token[j];
                gate = 1 / (1 + Math.Exp(-dot));
            }

            double[] common = Expert(spec, weights, "shared.", 0, shared.Width, token);
            for (int j = 0; j < d; j++) y[t * d + j] += gate * common[j];
        }

        return y;
    }

    private static double[] Expert(MoELayerSpec spec, WeightDictionary weights, string prefix, int expert, int f, double[] x)
    {
        var s = spec.Expert;
        double[] up = Linear(weights, prefix + "up", expert, f, x), gate = s.Form == ExpertForm.Glu ? Linear(weights, prefix + "gate", expert, f, x) : up;
        var hidden = new double[f];
        for (int i = 0; i < f; i++)
        {
            double g = gate[i], u = up[i];
            if (s.Limit is { } limit)
            {
                g = g > limit ? limit : g;
                u = u > limit ? limit : u < -limit ? -limit : u;
            }

            double activated = s.Activation switch
            {
                Activation.Relu => g > 0 ? g : 0,
                Activation.Gelu => g * Phi(g),
                Activation.GeluTanh => g / 2 * (1 + Math.Tanh(0.7978845608028654 * (g + 0.044715 * Math.Pow(g, 3)))),
                Activation.Silu => g / (1 + Math.Exp(-s.Alpha * g)),
                _ => g,
            };
            hidden[i] = s.Form == ExpertForm.Glu ? activated * (u + s.UpOffset) : activated;
        }

        return Linear(weights, prefix + "down", expert, x.Length, hidden);
    }

    private static double[] Linear(WeightDictionary weights, string name, int expert, int rows, double[] x)
    {
        float[] w = Get(weights, name)!;
        float[]? bias = Get(weights, name + "_bias");
        var y = new double[rows];
        for (int i = 0; i < rows; i++)
        {
            y[i] = bias is null ? 0 : bias[expert * rows + i];
            for (int j = 0; j < x.Length; j++) y[i] += w[(expert * rows + i) * x.Length + j] * x[j];
        }

        return y;
    }

    private static float[]? Get(WeightDictionary weights, string name) => weights.TryGet(name, out var tensor) ? tensor.ToSingles() : null;

    // The normal distribution function by Simpson's rule: independent of the error function under test, good to 1e-10 for |x| < 8.
    private static double Phi(double x)
    {
        const int n = 2000;
        double a = Math.Clamp(x, -8, 8), h = a / n, sum = 0;
        for (int i = 0; i <= n; i++) sum += (i == 0 || i == n ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(-i * h * i * h / 2);
        return 0.5 + sum * h / 3 / Math.Sqrt(2 * Math.PI);
    }
}
