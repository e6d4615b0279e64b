namespace MoE;

/// <summary>Constant, copy and zero experts.</summary>
internal sealed class ReferenceSpecial(MoELayerSpec spec, LayerWeights weights)
{
    private readonly float[]? _values = weights.Get(WeightNames.ConstantValue);
    private readonly float[]? _mixes = weights.Get(WeightNames.ConstantMix);
    private readonly SpecialExperts _special = spec.Special ?? new SpecialExperts();

    /// <summary>sum += after * expert(before * x); the experts count from the first special one.</summary>
    public void Add(int expert, ReadOnlySpan<float> x, double before, double after, Span<double> sum)
    {
        if (expert >= _special.Constant + _special.Copy) return;
        var (copied, constant) = (1.0, 0.0);
        int d = x.Length;
        if (expert < _special.Constant)
        {
            double a = before * ReferenceExpert.Dot(_mixes.AsSpan(expert * 2 * d, d), x), b = before * ReferenceExpert.Dot(_mixes.AsSpan((expert * 2 + 1) * d, d), x);
            copied = ScoreFunctions.Sigmoid(a - b);
            constant = 1 - copied;
        }

        for (int i = 0; i < d; i++) sum[i] += after * (copied * before * x[i] + (constant == 0 ? 0 : constant * _values![expert * d + i]));
    }
}
