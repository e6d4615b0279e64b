namespace MoE.Checkpoints;

/// <summary>The tensors of one layer of a <see cref="PeftAdapter"/>.</summary>
public sealed class PeftLayer
{
    internal PeftLayer(string path, bool embedding, LoraSpec spec, SafetensorsEntry a, SafetensorsEntry b, SafetensorsEntry? magnitude)
    {
        Path = path;
        IsEmbedding = embedding;
        Spec = spec;
        A = a;
        B = b;
        Magnitude = magnitude;
    }

    /// <summary>The layer's path in the model.</summary>
    public string Path { get; }

    /// <summary>The tensors are those of an embedding.</summary>
    public bool IsEmbedding { get; }

    /// <summary>The adapter's form on this layer.</summary>
    public LoraSpec Spec { get; }

    /// <summary>A: [r, in], of a convolution [r, in, h, w], of an embedding [r, entries].</summary>
    public SafetensorsEntry A { get; }

    /// <summary>B: [out, r], of a convolution of g groups [out, r / g, 1, 1], of an embedding [width, r].</summary>
    public SafetensorsEntry B { get; }

    /// <summary>The magnitude of DoRA, [out] or of a convolution [1, out, 1, 1]; null without.</summary>
    public SafetensorsEntry? Magnitude { get; }
}
