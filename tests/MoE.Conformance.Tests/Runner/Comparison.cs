using System.Globalization;

namespace MoE.Conformance.Runner;

/// <summary>The outcome for one key.</summary>
/// <param name="Values">Number of values compared.</param>
/// <param name="Problem">What is wrong, or null.</param>
internal readonly record struct Comparison(long Values, string? Problem)
{
    /// <summary>Compares a value with the recorded one: integers and flags exactly, numbers within the tolerance, non-finite ones by kind.</summary>
    /// <param name="key">Where the value stands in the file.</param>
    /// <param name="recorded">The file's.</param>
    /// <param name="actual">The engine's.</param>
    /// <param name="tolerance">How far numbers may be apart.</param>
    /// <param name="whole">The recorded tensors that this one is a part of, where the file records a variable in parts; they give the scale.</param>
    public static Comparison Of(string key, GoldenTensor recorded, GoldenTensor actual, Tolerance tolerance, IReadOnlyList<GoldenTensor>? whole = null)
    {
        if (recorded.Kind != actual.Kind)
            return new Comparison(0, $"{key}: recorded as {recorded}, but the engine gave {actual}");
        if (recorded.Count != actual.Count)
            return new Comparison(0, $"{key}: recorded as {recorded} with {recorded.Count} values, but the engine gave {actual} with {actual.Count}");
        return recorded.Kind switch
        {
            ElementKind.Integer => Exact(key, recorded, recorded.Integers, actual.Integers),
            ElementKind.Flag => Exact(key, recorded, recorded.Flags, actual.Flags),
            _ => Near(key, recorded, actual, tolerance, whole ?? [recorded]),
        };
    }

    private static Comparison Exact<T>(string key, GoldenTensor shape, ReadOnlySpan<T> recorded, ReadOnlySpan<T> actual)
        where T : IEquatable<T>
    {
        int wrong = 0, first = -1;
        for (int i = 0; i < recorded.Length; i++)
        {
            if (recorded[i].Equals(actual[i])) continue;
            if (wrong++ == 0) first = i;
        }

        return new Comparison(recorded.Length, wrong == 0 ? null : $"{key}{At(shape, first)}: recorded {recorded[first]}, got {actual[first]} ({wrong} of {recorded.Length} values differ)");
    }

    private static Comparison Near(string key, GoldenTensor recorded, GoldenTensor actual, Tolerance tolerance, IReadOnlyList<GoldenTensor> whole)
    {
        int wrong = 0, worst = -1;
        double excess = 0, largest = whole.Max(Largest), differences = 0, squares = whole.Sum(Squares);
        for (int i = 0; i < recorded.Count; i++)
        {
            double b = recorded.Reals[i], a = actual.Reals[i];
            if (double.IsFinite(a) && double.IsFinite(b)) differences += (a - b) * (a - b);
            double over = Excess(a, b, tolerance.Bound(b, largest));
            if (over <= 1) continue;
            wrong++;
            if (worst >= 0 && over <= excess) continue;
            worst = i;
            excess = over;
        }

        if (wrong > 0)
        {
            return new Comparison(recorded.Count, string.Create(
                CultureInfo.InvariantCulture,
                $"{key}{At(recorded, worst)}: recorded {recorded.Reals[worst]:g9}, got {actual.Reals[worst]:g9}, {excess:g3} times the bound ({wrong} of {recorded.Count} values differ)"));
        }

        double norm = Math.Sqrt(differences), bound = tolerance.Norm * Math.Sqrt(squares) + tolerance.Absolute * Math.Sqrt(recorded.Count);
        return new Comparison(recorded.Count, tolerance.Norm == 0 || norm <= bound ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{key}: all values together are off by {norm:g3}, more than {bound:g3}"));
    }

    private static double Largest(GoldenTensor recorded)
    {
        double largest = 0;
        foreach (double b in recorded.Reals) largest = double.IsFinite(b) ? Math.Max(largest, Math.Abs(b)) : largest;
        return largest;
    }

    private static double Squares(GoldenTensor recorded)
    {
        double sum = 0;
        foreach (double b in recorded.Reals) sum += double.IsFinite(b) ? b * b : 0;
        return sum;
    }

    // The difference in units of the bound; above 1 is wrong.
    private static double Excess(double a, double b, double bound)
    {
        if (!double.IsFinite(a) || !double.IsFinite(b)) return a.Equals(b) ? 0 : double.PositiveInfinity;
        double difference = Math.Abs(a - b);
        return difference <= bound ? 0 : difference / bound;
    }

    private static string At(GoldenTensor tensor, int place)
    {
        var at = new int[tensor.Shape.Count];
        for (int d = at.Length - 1; d >= 0; d--)
        {
            at[d] = place % tensor.Shape[d];
            place /= tensor.Shape[d];
        }

        return $"[{string.Join(", ", at)}]";
    }
}
