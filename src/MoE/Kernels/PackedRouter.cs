namespace MoE;

/// <summary>A linear scorer, packed, and the router's biases.</summary>
internal sealed unsafe class PackedRouter : IDisposable
{
    /// <summary>Packs the scorer of a layer.</summary>
    public PackedRouter(MoELayerSpec spec, LayerWeights weights)
    {
        Scorer = PackedMatrix.Of(weights.Get(WeightNames.Router)!, spec.Width);
        Bias = weights.Get(WeightNames.RouterBias);
        SelectionBias = weights.Get(WeightNames.SelectionBias);
    }

    private PackedRouter(PackedMatrix scorer, float[]? bias, float[]? selectionBias) => (Scorer, Bias, SelectionBias) = (scorer, bias, selectionBias);

    public PackedMatrix Scorer { get; }

    /// <summary>[E], or null.</summary>
    public float[]? Bias { get; }

    /// <summary>[E], or null.</summary>
    public float[]? SelectionBias { get; }

    /// <summary>The last sections of a file. The scorer is small and often used: it is copied.</summary>
    public static PackedRouter Open(MappedFile file, PackedFile packed)
    {
        int experts = packed.Spec.Router.Experts, next = packed.Sections.Length;
        float[] Vector() => new ReadOnlySpan<float>(file.Data + packed.Sections[--next].Offset, experts).ToArray();
        float[]? selectionBias = packed.Spec.Router.UsesSelectionBias ? Vector() : null, bias = packed.Spec.RouterBias ? Vector() : null;
        var section = packed.Sections[--next];
        return new PackedRouter(Copy(file.Data + section.Offset, section.Length, packed.Spec.Width, experts), bias, selectionBias);
    }

    public PackedRouter Copy() => new(Copy(Scorer.Panel(0), Scorer.Bytes, Scorer.Inputs, Scorer.Panels * Tiles.Columns), Bias, SelectionBias);

    public void AddTo(PackedFileWriter writer)
    {
        writer.Add(Scorer);
        if (Bias is not null) writer.Add(Bias);
        if (SelectionBias is not null) writer.Add(SelectionBias);
    }

    private static PackedMatrix Copy(byte* from, long bytes, int inputs, int columns)
    {
        var memory = new AlignedBuffer(bytes / sizeof(float));
        Buffer.MemoryCopy(from, memory.Data, bytes, bytes);
        return new PackedMatrix(WeightFormat.Single, inputs, columns, memory);
    }

    public void Dispose() => Scorer.Dispose();
}
