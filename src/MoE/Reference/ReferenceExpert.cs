namespace MoE;

/// <summary>One expert network on one token.</summary>
internal sealed class ReferenceExpert
{
    private readonly ExpertSpec _spec;
    private readonly int _width;
    private readonly ReadOnlyMemory<float> _gate, _up, _down, _gateBias, _upBias, _downBias;

    private ReferenceExpert(ExpertSpec spec, int width, Func<string, ReadOnlyMemory<float>> part)
    {
        _spec = spec;
        _width = width;
        _gate = part("gate");
        _up = part("up");
        _down = part("down");
        _gateBias = part("gate_bias");
        _upBias = part("up_bias");
        _downBias = part("down_bias");
    }

    public static ReferenceExpert Routed(MoELayerSpec spec, LayerWeights weights, int expert) =>
        new(spec.Expert, spec.Expert.Width, name =>
        {
            var all = weights.Get("experts." + name);
            int size = (all?.Length ?? 0) / spec.FeedForwardExperts;
            return all.AsMemory(expert * size, size);
        });

    public static ReferenceExpert Shared(MoELayerSpec spec, LayerWeights weights) =>
        new(spec.Expert, spec.Shared!.Width, name => weights.Get("shared." + name));

    /// <summary>sum += outputWeight * expert(inputWeight * x).</summary>
    public void Add(ReadOnlySpan<float> x, double inputWeight, double outputWeight, Span<double> sum)
    {
        int d = x.Length;
        var hidden = new double[_width];
        for (int f = 0; f < _width; f++)
        {
            double up = inputWeight * Dot(_up.Span.Slice(f * d, d), x) + At(_upBias, f);
            if (_spec.Form == ExpertForm.FeedForward)
            {
                hidden[f] = Activations.Apply(_spec.Activation, _spec.Alpha, up);
                continue;
            }

            double gate = inputWeight * Dot(_gate.Span.Slice(f * d, d), x) + At(_gateBias, f);
            if (_spec.Limit is { } limit)
            {
                gate = Math.Min(gate, limit);
                up = Math.Clamp(up, -limit, limit);
            }

            hidden[f] = Activations.Apply(_spec.Activation, _spec.Alpha, gate) * (up + _spec.UpOffset);
        }

        for (int i = 0; i < d; i++)
        {
            double y = At(_downBias, i);
            var row = _down.Span.Slice(i * _width, _width);
            for (int f = 0; f < _width; f++) y += row[f] * hidden[f];
            sum[i] += outputWeight * y;
        }
    }

    public static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }

    private static double At(ReadOnlyMemory<float> bias, int i) => bias.IsEmpty ? 0 : bias.Span[i];
}
