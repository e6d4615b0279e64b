namespace MoE.Onnx;

/// <summary>Kinds of attributes; the numbers are those of ONNX's <c>AttributeProto.AttributeType</c>.</summary>
public enum OnnxAttributeKind
{
    /// <summary>A single-precision number.</summary>
    Float = 1,

    /// <summary>A 64-bit integer.</summary>
    Int = 2,

    /// <summary>Text.</summary>
    Text = 3,

    /// <summary>A tensor.</summary>
    Tensor = 4,

    /// <summary>A sub-graph.</summary>
    Graph = 5,

    /// <summary>A list of single-precision numbers.</summary>
    Floats = 6,

    /// <summary>A list of 64-bit integers.</summary>
    Ints = 7,

    /// <summary>A list of texts.</summary>
    Texts = 8,
}
