using System.Diagnostics.CodeAnalysis;
using MoE.Conformance.Runner;

namespace MoE.Conformance.Engines;

/// <summary>Tensors of the runner as host arrays of the library, and back. Copies and index moves only.</summary>
internal static class HostValues
{
    [return: NotNullIfNotNull(nameof(values))]
    public static float[]? Floats(GoldenTensor? values) => values?.ToSingles();

    [return: NotNullIfNotNull(nameof(values))]
    public static int[]? Ints(GoldenTensor? values) => values?.ToInts();

    public static bool[] Bools(GoldenTensor? values) => values is null ? [] : values.Flags.ToArray();

    /// <summary>The experts of the kept routes, -1 for the others.</summary>
    public static int[] KeptExperts(TopKRouting routing)
    {
        int[] kept = routing.ExpertIds.ToArray();
        foreach (int r in Enumerable.Range(0, kept.Length)) kept[r] = routing.Plan.IsKept(r) ? kept[r] : -1;
        return kept;
    }

    /// <summary>[T, E]: which expert was given which token, before or after drops, counting the first choices only or all.</summary>
    public static bool[] Map(TopKRouting routing, bool kept, int? choices)
    {
        var map = new bool[routing.TokenCount * routing.ExpertCount];
        int[] experts = kept ? KeptExperts(routing) : routing.ExpertIds.ToArray();
        foreach (int[] token in experts.Chunk(routing.Choices).Select(static (row, t) => (int[])[t, .. row]))
        {
            foreach (int e in token.Skip(1).Take(choices ?? routing.Choices).Where(static e => e >= 0)) map[token[0] * routing.ExpertCount + e] = true;
        }

        return map;
    }

    public static GoldenTensor Capacities(CapacityPlan plan) => Integers([plan.Calls.Count], [.. plan.Calls.Select(static c => c.Rule.Of(c.Tokens, c.Experts, c.Choices))]);

    public static GoldenTensor Zeros(params int[] shape) => Singles(shape, new float[shape.Aggregate(1, static (product, d) => product * d)]);

    public static GoldenTensor Singles(int[] shape, ReadOnlySpan<float> values) => GoldenTensor.OfSingles("float32", shape, values);

    public static GoldenTensor Doubles(int[] shape, double[] values) => GoldenTensor.OfReals("float64", shape, values);

    public static GoldenTensor Integers(int[] shape, ReadOnlySpan<int> values) => GoldenTensor.OfIntegers("int64", shape, Array.ConvertAll(values.ToArray(), static v => (long)v));

    /// <summary>[T, K] of a [T, E] tensor; zero where the index is -1.</summary>
    public static GoldenTensor Gather(GoldenTensor values, GoldenTensor experts)
    {
        int columns = values.Size(^1), k = experts.Size(^1);
        var gathered = new double[experts.Count];
        for (int r = 0; r < gathered.Length; r++)
        {
            long e = experts.Integers[r];
            if (e >= 0) gathered[r] = values.Reals[r / k * columns + (int)e];
        }

        return GoldenTensor.OfReals(values.Type, [.. experts.Shape], gathered);
    }

    /// <summary>[T, E]: true where a route is carried out.</summary>
    public static GoldenTensor Map(SparseRouting routing)
    {
        var map = new bool[routing.TokenCount * routing.ExpertCount];
        foreach (int route in routing.Plan.Permutation) map[routing.TokenOf(route) * routing.ExpertCount + routing.ExpertIds[route]] = true;
        return GoldenTensor.OfFlags([routing.TokenCount, routing.ExpertCount], map);
    }
}
