namespace MoE.Conformance.Runner;

/// <summary>Words for "none" that differ between peers and the library.</summary>
internal static class Signs
{
    /// <summary>Integers with every -1 replaced.</summary>
    public static GoldenTensor None(GoldenTensor integers, long word) => GoldenTensor.OfIntegers(integers.Type, [.. integers.Shape], [.. integers.Integers.ToArray().Select(v => v < 0 ? word : v)]);

    /// <summary>Integers of true and false.</summary>
    public static GoldenTensor Whole(GoldenTensor flags) => GoldenTensor.OfIntegers("int64", [.. flags.Shape], [.. flags.Flags.ToArray().Select(static f => f ? 1L : 0L)]);

    /// <summary>1 where a number is not zero, as numbers.</summary>
    public static GoldenTensor Ones(GoldenTensor reals) => GoldenTensor.OfReals(reals.Type, [.. reals.Shape], [.. reals.Reals.ToArray().Select(static v => v != 0 ? 1.0 : 0.0)]);

    /// <summary>Flags of the numbers that are not zero.</summary>
    public static GoldenTensor NotZero(GoldenTensor reals) => GoldenTensor.OfFlags([.. reals.Shape], [.. reals.Reals.ToArray().Select(static v => v != 0)]);
}
