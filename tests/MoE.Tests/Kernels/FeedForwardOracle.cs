using MoE.Tests.Reference;

namespace MoE.Tests.Kernels;

/// <summary>
/// A layer of SwiGLU experts in double precision, each number with how far single precision may be from it: by units of the last place of its terms, however they cancel. 8-bit activations are rounded here as the kernels declare
/// it, block by block; where an activation lies so near to the middle between two steps that the kernel may round it to the other one, that step is in the bound.
/// </summary>
internal sealed class FeedForwardOracle
{
    // Of the sum of the terms' magnitudes: sums of up to some hundred products, in any order. And what an exponential in single precision may be off.
    private const double Sum = 5e-7, Exponential = 2e-6;

    private const int Block = 32;
    private readonly float[] _gate, _up, _down;
    private readonly int _width, _hidden;
    private readonly bool _integers;

    public FeedForwardOracle(MoELayerSpec spec, WeightDictionary weights, ActivationFormat activations)
    {
        Assert.True(spec.Expert is { Form: ExpertForm.Glu, Activation: Activation.Silu, Biases: false, Alpha: 1, Limit: null, UpOffset: 0 } && spec.Shared is null && spec.Weighted == WeightedSide.Output);
        (_width, _hidden, _integers) = (spec.Width, spec.Expert.Width, activations == ActivationFormat.Int8);
        (_gate, _up, _down) = (Get(WeightNames.ExpertGate), Get(WeightNames.ExpertUp), Get(WeightNames.ExpertDown));

        float[] Get(string name) => weights.TryGet(name, out var tensor) ? tensor.ToSingles() : throw new InvalidOperationException(name);
    }

    /// <summary>Every output with its bound.</summary>
    public (double Value, double Bound)[] Forward(float[] x, TopKRouting routing)
    {
        var y = new (double Value, double Bound)[x.Length];
        var token = new (double Value, double Bound)[_width];
        for (int t = 0; t < x.Length / _width; t++)
        {
            for (int k = 0; k < _width; k++) token[k] = (x[t * _width + k], 0);
            var input = Rounded(token);
            for (int slot = 0; slot < routing.Choices; slot++)
            {
                int e = routing.ExpertIds[t * routing.Choices + slot];
                double w = routing.Weights[t * routing.Choices + slot];
                var output = Linear(_down, e, _width, Rounded(Hidden(e, input)));
                for (int i = 0; i < _width; i++)
                {
                    ref var to = ref y[t * _width + i];
                    to = (to.Value + w * output[i].Value, to.Bound + Math.Abs(w) * (output[i].Bound + Sum * Math.Abs(output[i].Value)));
                }
            }
        }

        return y;
    }

    private (double Value, double Bound)[] Hidden(int e, (double Value, double Bound)[] x)
    {
        var gate = Linear(_gate, e, _hidden, x);
        var up = Linear(_up, e, _hidden, x);
        var hidden = new (double Value, double Bound)[_hidden];
        for (int j = 0; j < _hidden; j++)
        {
            double a = gate[j].Value / (1 + Math.Exp(-gate[j].Value)), da = 1.13 * gate[j].Bound + Exponential * Math.Abs(a);
            hidden[j] = (a * up[j].Value, da * (Math.Abs(up[j].Value) + up[j].Bound) + Math.Abs(a) * up[j].Bound + Sum * Math.Abs(a * up[j].Value));
        }

        return hidden;
    }

    private static (double Value, double Bound)[] Linear(float[] w, int e, int outputs, (double Value, double Bound)[] x)
    {
        var y = new (double Value, double Bound)[outputs];
        for (int i = 0; i < outputs; i++)
        {
            double sum = 0, bound = 0;
            for (int k = 0; k < x.Length; k++)
            {
                double weight = w[(e * outputs + i) * x.Length + k];
                sum += weight * x[k].Value;
                bound += Math.Abs(weight) * (Sum * Math.Abs(x[k].Value) + x[k].Bound);
            }

            y[i] = (sum, bound);
        }

        return y;
    }

    // A block's largest is 127 steps.
    private (double Value, double Bound)[] Rounded((double Value, double Bound)[] values)
    {
        if (!_integers) return values;
        var rounded = new (double Value, double Bound)[values.Length];
        for (int from = 0; from < values.Length; from += Block)
        {
            int to = Math.Min(from + Block, values.Length);
            double most = 0, off = 0;
            for (int k = from; k < to; k++) (most, off) = (Math.Max(most, Math.Abs(values[k].Value)), Math.Max(off, values[k].Bound));
            if (most == 0) continue;
            // The step itself is off by the error of the largest, and by three roundings.
            double step = most / 127, relative = off / most + 2e-7;
            for (int k = from; k < to; k++)
            {
                double at = values[k].Value / step, nearest = Math.Round(at), unsure = values[k].Bound / step + Math.Abs(at) * relative + 1e-7;
                bool either = Math.Abs(Math.Abs(at - Math.Truncate(at)) - 0.5) <= unsure;
                rounded[k] = (nearest * step, Math.Abs(nearest) * step * relative + (either ? Math.Ceiling(unsure) * step : 0));
            }
        }

        return rounded;
    }
}
