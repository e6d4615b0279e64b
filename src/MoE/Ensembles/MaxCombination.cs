namespace MoE;

/// <summary>
/// Experts without a router: each scores classes of its own, and the class with the largest score of all experts wins (region-specific ensembles, Hussaini et al. 2023). Nothing but the scale of the scores decides between
/// experts, so it is asked for at construction. Immutable and safe to share.
/// </summary>
public sealed class MaxCombination
{
    private readonly int[] _offsets;
    private readonly double[] _shifts;
    private readonly double[] _scales;

    private MaxCombination(int[] offsets, double[] shifts, double[] scales) => (_offsets, _shifts, _scales) = (offsets, shifts, scales);

    /// <summary>Number of experts.</summary>
    public int Experts => _offsets.Length - 1;

    /// <summary>Number of classes of all experts together.</summary>
    public int Classes => _offsets[^1];

    /// <summary>Scores compete as they are.</summary>
    /// <param name="classes">Classes of each expert, positive.</param>
    /// <exception cref="ArgumentException">There is no expert, or one has no class.</exception>
    public static MaxCombination Raw(ReadOnlySpan<int> classes)
    {
        int[] offsets = Offsets(classes);
        double[] scales = new double[classes.Length];
        Array.Fill(scales, 1);
        return new(offsets, new double[classes.Length], scales);
    }

    /// <summary>Each expert's scores are brought to mean 0 and standard deviation 1 over examples before they compete; an expert whose scores are all equal only loses its mean.</summary>
    /// <param name="classes">Classes of each expert, positive.</param>
    /// <param name="examples">[N, classes of all experts], N positive, finite: scores to take means and deviations (over n) from.</param>
    /// <exception cref="ArgumentException">There is no expert or one has no class, the length is no positive multiple of the classes, or a score is not finite.</exception>
    public static MaxCombination Standardized(ReadOnlySpan<int> classes, ReadOnlySpan<float> examples)
    {
        int[] offsets = Offsets(classes);
        int width = offsets[^1];
        if (examples.IsEmpty || examples.Length % width != 0) throw new ArgumentException($"examples has {examples.Length} scores; must be a positive multiple of the classes ({width})", nameof(examples));
        double[] shifts = new double[classes.Length], scales = new double[classes.Length];
        int rows = examples.Length / width;
        for (int e = 0; e < classes.Length; e++)
        {
            double sum = 0, squares = 0, count = (double)rows * classes[e];
            foreach (bool second in (ReadOnlySpan<bool>)[false, true])
            {
                for (int r = 0; r < rows; r++)
                {
                    foreach (float score in examples.Slice(r * width + offsets[e], classes[e]))
                    {
                        if (!float.IsFinite(score)) throw new ArgumentException($"examples holds {score} in row {r}; must be finite", nameof(examples));
                        if (second) squares += (score - sum / count) * (score - sum / count);
                        else sum += score;
                    }
                }
            }

            double deviation = Math.Sqrt(squares / count);
            (shifts[e], scales[e]) = (sum / count, deviation > 0 ? 1 / deviation : 1);
        }

        return new(offsets, shifts, scales);
    }

    /// <summary>The class that wins each row; equal scores: the lowest.</summary>
    /// <param name="scores">[N, classes of all experts], not NaN.</param>
    /// <param name="winners">[N], overwritten: 0..classes - 1, counted over all experts in their order.</param>
    /// <exception cref="ArgumentException">The lengths do not match, or a score is NaN.</exception>
    public void Choose(ReadOnlySpan<float> scores, Span<int> winners)
    {
        if (scores.Length != (long)winners.Length * Classes) throw new ArgumentException($"scores has {scores.Length} values; must have {Classes} per winner ({winners.Length})", nameof(scores));
        for (int r = 0; r < winners.Length; r++)
        {
            var row = scores.Slice(r * Classes, Classes);
            double best = double.NegativeInfinity;
            winners[r] = 0;
            for (int e = 0; e < Experts; e++)
            {
                for (int c = _offsets[e]; c < _offsets[e + 1]; c++)
                {
                    if (float.IsNaN(row[c])) throw new ArgumentException($"scores holds NaN in row {r}, class {c}; must be numbers", nameof(scores));
                    double score = (row[c] - _shifts[e]) * _scales[e];
                    if (score > best) (best, winners[r]) = (score, c);
                }
            }
        }
    }

    /// <summary>The expert of a class.</summary>
    /// <param name="winner">0..classes - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public int ExpertOf(int winner)
    {
        if (winner < 0 || winner >= Classes) throw new ArgumentOutOfRangeException(nameof(winner), winner, $"must be in 0..{Classes - 1}");
        int at = Array.BinarySearch(_offsets, winner);
        return at >= 0 ? at : ~at - 1;
    }

    private static int[] Offsets(ReadOnlySpan<int> classes)
    {
        if (classes.IsEmpty) throw new ArgumentException("classes is empty; must hold one number per expert", nameof(classes));
        int[] offsets = new int[classes.Length + 1];
        for (int e = 0; e < classes.Length; e++)
        {
            if (classes[e] <= 0) throw new ArgumentException($"classes[{e}] = {classes[e]}; must be positive", nameof(classes));
            offsets[e + 1] = checked(offsets[e] + classes[e]);
        }

        return offsets;
    }
}
