using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Noise as tensors. It is drawn on the host, so that every engine sees the same numbers, and carries no gradient.</summary>
internal static class NoiseDraw
{
    /// <summary>A named draw.</summary>
    /// <param name="context">Its source, scope and step.</param>
    /// <param name="purpose">What the draw is for, a name of <see cref="NoiseNames"/>.</param>
    /// <param name="kind">The distribution.</param>
    /// <param name="shape">Of the tensor; row-major.</param>
    /// <param name="like">Gives type and device.</param>
    /// <exception cref="InvalidOperationException">The context has no source.</exception>
    public static Tensor Of(GateContext context, string purpose, NoiseKind kind, long[] shape, Tensor like)
    {
        string name = NoiseNames.Of(context.NoiseScope, purpose);
        if (context.Noise is null)
            throw new InvalidOperationException($"the gate draws {name}, and context.Noise is null; give a noise source (for example new SeededNoise(seed))");
        float[] values = new float[shape.Aggregate(1L, static (product, d) => checked(product * d))];
        context.Noise.Fill(name, context.Step, kind, values);
        using var scope = NewDisposeScope();
        return tensor(values, shape).to(like.dtype, like.device).MoveToOuterDisposeScope();
    }
}
