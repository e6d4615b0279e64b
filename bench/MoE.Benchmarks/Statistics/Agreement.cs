using System.Globalization;

namespace MoE.Benchmarks;

/// <summary>The result of holding an answer against a reference.</summary>
/// <param name="MaxAbsDiff">The largest difference over all parts.</param>
/// <param name="Problem">The first difference beyond the tolerance, in words; null: none.</param>
public readonly record struct Agreement(double MaxAbsDiff, string? Problem)
{
    /// <summary>Compares part by part.</summary>
    /// <param name="actual">The contender's answer.</param>
    /// <param name="expected">The reference's answer.</param>
    /// <param name="tolerance">The bound for parts that are not whole numbers.</param>
    public static Agreement Of(Answer actual, Answer expected, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(expected);
        string names = Names(actual), wanted = Names(expected);
        if (names != wanted) return new Agreement(double.NaN, $"the answer holds {names}; must hold {wanted}");
        var worst = new Agreement(0, null);
        for (int p = 0; p < actual.Parts.Count; p++)
            worst = worst.And(Of(actual.Parts[p], expected.Parts[p], tolerance));
        return worst;
    }

    /// <summary>Both together: the larger difference, the first problem.</summary>
    public Agreement And(Agreement other) => new(Math.Max(MaxAbsDiff, other.MaxAbsDiff), Problem ?? other.Problem);

    private static Agreement Of(AnswerPart actual, AnswerPart expected, Tolerance tolerance)
    {
        if (actual.Values.Length != expected.Values.Length)
            return new Agreement(double.NaN, $"{actual.Name} has {actual.Values.Length} values; must have {expected.Values.Length}");
        double worst = 0, largest = expected.Values.Length == 0 ? 0 : expected.Values.Max(MathF.Abs);
        int bad = -1;
        for (int i = 0; i < actual.Values.Length; i++)
        {
            double a = actual.Values[i], b = expected.Values[i];
            worst = Math.Max(worst, Math.Abs(a - b));
            // Written so that NaN is never within.
            if (bad < 0 && !(Math.Abs(a - b) <= Bound(b))) bad = i;
        }

        if (bad < 0) return new Agreement(worst, null);
        return new Agreement(worst, string.Create(CultureInfo.InvariantCulture,
            $"{actual.Name}[{bad}] = {actual.Values[bad]:g9}; reference {expected.Values[bad]:g9}; must be within {Bound(expected.Values[bad]):g2}"));

        double Bound(double value) => expected.Exact ? 0 : tolerance.Bound(value, largest);
    }

    private static string Names(Answer answer) => string.Join(", ", answer.Parts.Select(static p => p.Name));
}
