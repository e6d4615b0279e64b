using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx;

/// <summary>Runs a session that has routing outputs.</summary>
internal static class OrtRouting
{
    private static readonly string[] Inputs = [OnnxNames.Tokens];

    /// <summary>Tokens in; experts and weights out, and the layer's output where asked for.</summary>
    /// <param name="session">The session.</param>
    /// <param name="spec">Its router.</param>
    /// <param name="tokens">[T, D], T not zero.</param>
    /// <param name="width">D.</param>
    /// <param name="padding">[T] or empty.</param>
    /// <param name="output">[T, D], or empty: not asked for.</param>
    public static unsafe TopKRouting Run(InferenceSession session, RouterSpec spec, ReadOnlySpan<float> tokens, int width, ReadOnlySpan<bool> padding, Span<float> output)
    {
        int count = tokens.Length / width, k = spec.TopK;
        var ids = new long[count * k];
        var weights = new float[count * k];
        using var options = new RunOptions();
        fixed (float* x = tokens, y = output)
        {
            long[] shape = [count, width], routes = [count, k];
            using var input = Bound(x, shape);
            using var experts = OrtValue.CreateTensorValueFromMemory(ids, routes);
            using var shares = OrtValue.CreateTensorValueFromMemory(weights, routes);
            if (output.IsEmpty)
            {
                session.Run(options, Inputs, [input], [OnnxNames.Experts, OnnxNames.Weights], [experts, shares]);
            }
            else
            {
                using var result = Bound(y, shape);
                session.Run(options, Inputs, [input], [OnnxNames.Output, OnnxNames.Experts, OnnxNames.Weights], [result, experts, shares]);
            }
        }

        var chosen = new int[ids.Length];
        for (int r = 0; r < chosen.Length; r++)
        {
            bool padded = !padding.IsEmpty && padding[r / k];
            chosen[r] = padded ? -1 : (int)ids[r];
            if (padded) weights[r] = 0;
        }

        return new TopKRouting(count, spec.Experts, k, chosen, weights);
    }

    /// <summary>A routing of no tokens.</summary>
    public static TopKRouting Empty(RouterSpec spec) => new(0, spec.Experts, spec.TopK, [], []);

    private static unsafe OrtValue Bound(float* memory, long[] shape) =>
        OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, shape, (nint)memory, shape[0] * shape[1] * sizeof(float));
}
