namespace MoE;

/// <summary>One expert's weights in panels of 32 columns, in the order in which the kernels read them.</summary>
internal sealed unsafe class PackedExpert : IDisposable
{
    private readonly AlignedBuffer _firstBias, _downBias;

    /// <param name="spec">The form; its width is not looked at.</param>
    /// <param name="format">How weights are held.</param>
    /// <param name="width">D.</param>
    /// <param name="inner">F.</param>
    /// <param name="gate">[F, D], or empty.</param>
    /// <param name="up">[F, D].</param>
    /// <param name="down">[D, F].</param>
    /// <param name="gateBias">[F], or empty.</param>
    /// <param name="upBias">[F], or empty.</param>
    /// <param name="downBias">[D], or empty.</param>
    public PackedExpert(ExpertSpec spec, WeightFormat format, int width, int inner, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, ReadOnlySpan<float> down, ReadOnlySpan<float> gateBias, ReadOnlySpan<float> upBias, ReadOnlySpan<float> downBias)
    {
        Width = width;
        Inner = inner;
        bool glu = spec.Form == ExpertForm.Glu;
        Half = glu ? Tiles.Columns / 2 : Tiles.Columns;
        int firstPanels = (inner + Half - 1) / Half;
        First = new PackedMatrix(format, width, firstPanels * Tiles.Columns);
        Down = new PackedMatrix(format, inner, width);
        _firstBias = new AlignedBuffer(First.Panels * Tiles.Columns);
        _downBias = new AlignedBuffer(Down.Panels * Tiles.Columns);
        HasFirstBias = !upBias.IsEmpty;
        HasDownBias = !downBias.IsEmpty;
        for (int f = 0; f < inner; f++)
        {
            int panel = f / Half, j = f % Half;
            if (glu) First.SetColumn(panel, j, gate.Slice(f * width, width));
            First.SetColumn(panel, (glu ? Half : 0) + j, up.Slice(f * width, width));
            if (glu && HasFirstBias) _firstBias.Data[panel * Tiles.Columns + j] = gateBias[f];
            if (HasFirstBias) _firstBias.Data[panel * Tiles.Columns + (glu ? Half : 0) + j] = upBias[f];
        }

        for (int i = 0; i < width; i++)
        {
            Down.SetColumn(i / Tiles.Columns, i % Tiles.Columns, down.Slice(i * inner, inner));
            if (HasDownBias) _downBias.Data[i] = downBias[i];
        }
    }

    public int Width { get; }

    public int Inner { get; }

    /// <summary>Inner numbers of a panel: 16 where gate and up share it, 32 otherwise.</summary>
    public int Half { get; }

    /// <summary>Gate and up, from D inputs.</summary>
    public PackedMatrix First { get; }

    /// <summary>From F inputs.</summary>
    public PackedMatrix Down { get; }

    public bool HasFirstBias { get; }

    public bool HasDownBias { get; }

    public long Bytes => First.Bytes + Down.Bytes + (_firstBias.Length + _downBias.Length) * sizeof(float);

    public ExpertError Error
    {
        get
        {
            var (first, down) = (First.Errors, Down.Errors);
            double norm = first.Norm + down.Norm;
            return new ExpertError(norm == 0 ? 0 : Math.Sqrt((first.Error + down.Error) / norm), Math.Max(first.WorstRow, down.WorstRow));
        }
    }

    public float* FirstBias(int panel) => _firstBias.Data + panel * Tiles.Columns;

    public float* DownBias(int panel) => _downBias.Data + panel * Tiles.Columns;

    public void Dispose()
    {
        First.Dispose();
        Down.Dispose();
        _firstBias.Dispose();
        _downBias.Dispose();
    }
}
