namespace MoE.Onnx;

/// <summary>A named constant of a node.</summary>
public sealed class OnnxAttribute
{
    private OnnxAttribute(string name, OnnxAttributeKind kind, object value)
    {
        Name = name;
        Kind = kind;
        Value = value;
    }

    /// <summary>Attribute name, as the operator defines it.</summary>
    public string Name { get; }

    /// <summary>The kind.</summary>
    public OnnxAttributeKind Kind { get; }

    internal object Value { get; }

    /// <summary>A single-precision number.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="value">The value.</param>
    public static OnnxAttribute Float(string name, float value) => new(name, OnnxAttributeKind.Float, value);

    /// <summary>A 64-bit integer; also how ONNX writes flags (0 or 1) and element types.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="value">The value.</param>
    public static OnnxAttribute Int(string name, long value) => new(name, OnnxAttributeKind.Int, value);

    /// <summary>Text.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="value">The value.</param>
    public static OnnxAttribute Text(string name, string value) => new(name, OnnxAttributeKind.Text, NotNull(value));

    /// <summary>A tensor, written inside the model whatever its size.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="value">The value.</param>
    public static OnnxAttribute Tensor(string name, OnnxTensor value) => new(name, OnnxAttributeKind.Tensor, NotNull(value));

    /// <summary>A sub-graph, as <c>If</c> and <c>Loop</c> take them. It sees the values of the graphs around it and may not reuse their names.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="value">The value.</param>
    public static OnnxAttribute Graph(string name, OnnxGraph value) => new(name, OnnxAttributeKind.Graph, NotNull(value));

    /// <summary>A list of single-precision numbers.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="values">The values; copied.</param>
    public static OnnxAttribute Floats(string name, params ReadOnlySpan<float> values) => new(name, OnnxAttributeKind.Floats, values.ToArray());

    /// <summary>A list of 64-bit integers.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="values">The values; copied.</param>
    public static OnnxAttribute Ints(string name, params ReadOnlySpan<long> values) => new(name, OnnxAttributeKind.Ints, values.ToArray());

    /// <summary>A list of texts.</summary>
    /// <param name="name">Attribute name.</param>
    /// <param name="values">The values; copied.</param>
    public static OnnxAttribute Texts(string name, params ReadOnlySpan<string> values) => new(name, OnnxAttributeKind.Texts, values.ToArray());

    private static T NotNull<T>(T value) where T : class
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }
}
