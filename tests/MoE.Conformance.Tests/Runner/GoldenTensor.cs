namespace MoE.Conformance.Runner;

/// <summary>What the elements of a tensor are.</summary>
internal enum ElementKind
{
    Real,
    Integer,
    Flag,
}

/// <summary>An immutable tensor on the host: a value of a golden file, or what an engine gave for it. Real numbers are kept as doubles, which hold every floating type of the files exactly.</summary>
internal sealed partial class GoldenTensor
{
    private readonly Array _data;

    private GoldenTensor(string type, ElementKind kind, int[] shape, Array data)
    {
        long count = shape.Aggregate(1L, static (product, d) => checked(product * d));
        if (count != data.Length)
            throw new InvalidDataException($"shape [{string.Join(", ", shape)}] holds {count} values, but there are {data.Length}");
        Type = type;
        Kind = kind;
        Shape = shape;
        _data = data;
    }

    /// <summary>Element type as the files name it: float32, bfloat16, int64, bool, ...</summary>
    public string Type { get; }

    public ElementKind Kind { get; }

    public IReadOnlyList<int> Shape { get; }

    public int Count => _data.Length;

    public ReadOnlySpan<double> Reals => Data<double>();

    public ReadOnlySpan<long> Integers => Data<long>();

    public ReadOnlySpan<bool> Flags => Data<bool>();

    public static GoldenTensor OfReals(string type, int[] shape, double[] values) => new(type, ElementKind.Real, shape, values);

    public static GoldenTensor OfSingles(string type, int[] shape, ReadOnlySpan<float> values)
    {
        var reals = new double[values.Length];
        for (int i = 0; i < reals.Length; i++) reals[i] = values[i];
        return OfReals(type, shape, reals);
    }

    public static GoldenTensor OfIntegers(string type, int[] shape, long[] values) => new(type, ElementKind.Integer, shape, values);

    public static GoldenTensor OfFlags(int[] shape, bool[] values) => new("bool", ElementKind.Flag, shape, values);

    /// <summary>Real values as single precision; exact for every type but float64.</summary>
    public float[] ToSingles() => Array.ConvertAll(Data<double>(), static v => (float)v);

    public int[] ToInts() => Array.ConvertAll(Data<long>(), static v => checked((int)v));

    /// <summary>Flags, or integers and reals that are 0 or 1, as flags.</summary>
    public GoldenTensor ToFlags() => Kind switch
    {
        ElementKind.Flag => this,
        ElementKind.Integer => OfFlags([.. Shape], Array.ConvertAll(Data<long>(), static v => Flag(v))),
        _ => OfFlags([.. Shape], Array.ConvertAll(Data<double>(), static v => Flag(v))),
    };

    /// <summary>The opposite flags.</summary>
    public GoldenTensor Not() => OfFlags([.. Shape], Array.ConvertAll(Data<bool>(), static v => !v));

    public override string ToString() => $"{Type}[{string.Join(", ", Shape)}]";

    private static bool Flag(double value) => value switch
    {
        0 => false,
        1 => true,
        _ => throw new InvalidDataException($"a mask holds {value}; must be 0 or 1"),
    };

    private T[] Data<T>() => _data as T[] ?? throw new InvalidDataException($"{this} does not hold {typeof(T).Name} values");
}
