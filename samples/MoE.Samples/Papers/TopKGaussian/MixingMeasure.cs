namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>The parameters of a softmax-gated mixture of linear Gaussian experts of one input: gate logits slope x + bias, expert means a x + b, variances.</summary>
/// <param name="Slope">beta1 of every expert.</param>
/// <param name="Bias">beta0.</param>
/// <param name="A">Slope of the mean.</param>
/// <param name="B">Intercept of the mean.</param>
/// <param name="Variance">Positive.</param>
public sealed record MixingMeasure(double[] Slope, double[] Bias, double[] A, double[] B, double[] Variance)
{
    /// <summary>The truth of the published experiment: a steep gate.</summary>
    public static MixingMeasure Published { get; } = new([25, 0], [-8, 0], [-20, 20], [15, -5], [0.3, 0.4]);

    /// <summary>The same experts behind a milder gate, which both experts share where it turns.</summary>
    public static MixingMeasure Mild { get; } = Published with { Slope = [8, 0], Bias = [-4, 0] };

    /// <summary>Number of experts.</summary>
    public int Count => A.Length;

    /// <summary>A copy that shares nothing.</summary>
    public MixingMeasure Copy() => new([.. Slope], [.. Bias], [.. A], [.. B], [.. Variance]);

    /// <summary>The distance of two atoms of the paper's code: the sum over the parameters of the expert and the slope of its gate.</summary>
    public double Distance(int atom, MixingMeasure other, int otherAtom) =>
        Math.Abs(Slope[atom] - other.Slope[otherAtom]) + Math.Abs(A[atom] - other.A[otherAtom]) + Math.Abs(B[atom] - other.B[otherAtom]) + Math.Abs(Variance[atom] - other.Variance[otherAtom]);
}
