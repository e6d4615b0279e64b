using System.Globalization;

namespace MoE.Onnx;

/// <summary>One dimension of a graph input or output: a number, or a symbol that stands for the same number wherever it occurs.</summary>
public readonly record struct OnnxDim
{
    /// <summary>A fixed dimension.</summary>
    /// <param name="value">Zero or more.</param>
    public OnnxDim(long value) => Value = value;

    /// <summary>A dimension known at run time.</summary>
    /// <param name="symbol">Its name, for example <c>T</c>.</param>
    public OnnxDim(string symbol) => Symbol = symbol;

    /// <summary>The number; meaningless where there is a symbol.</summary>
    public long Value { get; }

    /// <summary>The symbol, or null.</summary>
    public string? Symbol { get; }

    /// <summary>A fixed dimension.</summary>
    public static implicit operator OnnxDim(long value) => new(value);

    /// <summary>A symbolic dimension.</summary>
    public static implicit operator OnnxDim(string symbol) => new(symbol);

    /// <inheritdoc/>
    public override string ToString() => Symbol ?? Value.ToString(CultureInfo.InvariantCulture);
}
