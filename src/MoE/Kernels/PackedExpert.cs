namespace MoE;

/// <summary>One expert's weights in panels of 32 columns, in the order in which the kernels read them.</summary>
internal sealed unsafe class PackedExpert : IDisposable
{
    private readonly AlignedBuffer _first, _down, _firstBias, _downBias;

    /// <param name="spec">The form; its width is not looked at.</param>
    /// <param name="width">D.</param>
    /// <param name="inner">F.</param>
    /// <param name="gate">[F, D], or empty.</param>
    /// <param name="up">[F, D].</param>
    /// <param name="down">[D, F].</param>
    /// <param name="gateBias">[F], or empty.</param>
    /// <param name="upBias">[F], or empty.</param>
    /// <param name="downBias">[D], or empty.</param>
    public PackedExpert(ExpertSpec spec, int width, int inner, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, ReadOnlySpan<float> down, ReadOnlySpan<float> gateBias, ReadOnlySpan<float> upBias, ReadOnlySpan<float> downBias)
    {
        Width = width;
        Inner = inner;
        Half = spec.Form == ExpertForm.Glu ? Tiles.Columns / 2 : Tiles.Columns;
        FirstPanels = (inner + Half - 1) / Half;
        DownPanels = (width + Tiles.Columns - 1) / Tiles.Columns;
        _first = new AlignedBuffer((long)FirstPanels * width * Tiles.Columns);
        _down = new AlignedBuffer((long)DownPanels * inner * Tiles.Columns);
        _firstBias = new AlignedBuffer(FirstPanels * Tiles.Columns);
        _downBias = new AlignedBuffer(DownPanels * Tiles.Columns);
        HasFirstBias = !upBias.IsEmpty;
        HasDownBias = !downBias.IsEmpty;
        bool glu = spec.Form == ExpertForm.Glu;
        for (int p = 0; p < FirstPanels; p++)
        {
            for (int j = 0; j < Half && p * Half + j < inner; j++)
            {
                int f = p * Half + j;
                if (glu) Tiles.Column(gate.Slice(f * width, width), _first.Data + (long)p * width * Tiles.Columns + j, Tiles.Columns);
                Tiles.Column(up.Slice(f * width, width), _first.Data + (long)p * width * Tiles.Columns + (glu ? Half : 0) + j, Tiles.Columns);
                if (glu && HasFirstBias) _firstBias.Data[p * Tiles.Columns + j] = gateBias[f];
                if (HasFirstBias) _firstBias.Data[p * Tiles.Columns + (glu ? Half : 0) + j] = upBias[f];
            }
        }

        for (int i = 0; i < width; i++)
        {
            Tiles.Column(down.Slice(i * inner, inner), _down.Data + (long)(i / Tiles.Columns) * inner * Tiles.Columns + i % Tiles.Columns, Tiles.Columns);
            if (HasDownBias) _downBias.Data[i] = downBias[i];
        }
    }

    public int Width { get; }

    public int Inner { get; }

    /// <summary>Inner numbers of a panel: 16 where gate and up share it, 32 otherwise.</summary>
    public int Half { get; }

    public int FirstPanels { get; }

    public int DownPanels { get; }

    public bool HasFirstBias { get; }

    public bool HasDownBias { get; }

    public long Bytes => (_first.Length + _down.Length + _firstBias.Length + _downBias.Length) * sizeof(float);

    public float* First(int panel) => _first.Data + (long)panel * Width * Tiles.Columns;

    public float* Down(int panel) => _down.Data + (long)panel * Inner * Tiles.Columns;

    public float* FirstBias(int panel) => _firstBias.Data + panel * Tiles.Columns;

    public float* DownBias(int panel) => _downBias.Data + panel * Tiles.Columns;

    public void Dispose()
    {
        _first.Dispose();
        _down.Dispose();
        _firstBias.Dispose();
        _downBias.Dispose();
    }
}
