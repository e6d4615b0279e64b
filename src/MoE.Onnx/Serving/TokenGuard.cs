using System.Globalization;
using System.Numerics.Tensors;

namespace MoE.Onnx;

/// <summary>The checks at the boundary of everything that takes tokens.</summary>
internal static class TokenGuard
{
    /// <summary>Returns T.</summary>
    public static int Check(ReadOnlySpan<float> tokens, int width, bool values)
    {
        if (tokens.Length % width != 0)
            throw new ArgumentException($"tokens has {tokens.Length} values; must be a multiple of width ({width})", nameof(tokens));
        if (values && !TensorPrimitives.IsFiniteAll(tokens)) ThrowNotFinite(tokens, width);
        return tokens.Length / width;
    }

    private static void ThrowNotFinite(ReadOnlySpan<float> tokens, int width)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if (!float.IsFinite(tokens[i]))
                throw new ArgumentException($"tokens[{i / width}, {i % width}] = {tokens[i].ToString(CultureInfo.InvariantCulture)}: must be finite", nameof(tokens));
        }
    }
}
