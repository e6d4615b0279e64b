namespace MoE;

/// <summary>One expert's weights in panels of 32 columns, in the order in which the kernels read them.</summary>
internal sealed unsafe class PackedExpert : IDisposable
{
    private readonly AlignedBuffer _firstBias, _downBias;

    /// <summary>An expert that lies packed in memory already, such as a mapped file.</summary>
    /// <param name="spec">The form; its width is not looked at.</param>
    /// <param name="format">How weights are held.</param>
    /// <param name="width">D.</param>
    /// <param name="inner">F.</param>
    /// <param name="parts">Memory of <see cref="Lengths"/>.</param>
    /// <param name="first">What packing did to the first matrix.</param>
    /// <param name="down">And to the second.</param>
    public PackedExpert(ExpertSpec spec, WeightFormat format, int width, int inner, IReadOnlyList<AlignedBuffer> parts, (double Error, double Norm, double WorstRow) first, (double Error, double Norm, double WorstRow) down)
    {
        Width = width;
        Inner = inner;
        Half = HalfOf(spec.Form);
        First = new PackedMatrix(format, width, checked((inner + Half - 1) / Half * Tiles.Columns), parts[0], first);
        Down = new PackedMatrix(format, inner, width, parts[1], down);
        (_firstBias, _downBias) = (parts[2], parts[3]);
        HasFirstBias = HasDownBias = spec.Biases;
    }

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
        : this(spec, format, width, inner, Array.ConvertAll(Lengths(spec, format, width, inner), static bytes => new AlignedBuffer(checked((long)bytes) / sizeof(float))), default, default)
    {
        bool glu = spec.Form == ExpertForm.Glu;
        for (int panel = 0; panel < First.Panels; panel++)
        {
            if (glu) First.SetHalf(panel, 0, Rows(gate, panel * Half, inner, width));
            First.SetHalf(panel, glu ? 1 : 0, Rows(up, panel * Half, inner, width));
            if (!glu) First.SetHalf(panel, 1, Rows(up, panel * Half + Tiles.Columns / 2, inner, width));
        }

        for (int half = 0; half < 2 * Down.Panels; half++) Down.SetHalf(half / 2, half % 2, Rows(down, half * Tiles.Columns / 2, width, inner));
        for (int f = 0; f < inner && HasFirstBias; f++)
        {
            float* bias = FirstBias(f / Half) + f % Half;
            if (glu) bias[0] = gateBias[f];
            bias[glu ? Half : 0] = upBias[f];
        }

        for (int i = 0; i < width && HasDownBias; i++) _downBias.Data[i] = downBias[i];
    }

    /// <summary>Bytes of the parts in memory: first matrix, down matrix, biases of the first, biases of the down.</summary>
    public static Int128[] Lengths(ExpertSpec spec, WeightFormat format, int width, int inner)
    {
        long half = HalfOf(spec.Form), first = (inner + half - 1) / half * Tiles.Columns, down = (width + (long)Tiles.Columns - 1) / Tiles.Columns * Tiles.Columns;
        return [PackedMatrix.LengthOf(format, width, first), PackedMatrix.LengthOf(format, inner, width), sizeof(float) * first, sizeof(float) * down];
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

    /// <summary>The memory, in the order of <see cref="Lengths"/>.</summary>
    public IEnumerable<(nint Data, long Bytes, (double Error, double Norm, double WorstRow) Errors)> Parts =>
    [
        ((nint)First.Panel(0), First.Bytes, First.Errors), ((nint)Down.Panel(0), Down.Bytes, Down.Errors),
        ((nint)_firstBias.Data, _firstBias.Length * sizeof(float), default), ((nint)_downBias.Data, _downBias.Length * sizeof(float), default),
    ];

    public float* FirstBias(int panel) => _firstBias.Data + panel * Tiles.Columns;

    public float* DownBias(int panel) => _downBias.Data + panel * Tiles.Columns;

    // Of [count, length], sixteen rows or as many as are left.
    private static ReadOnlySpan<float> Rows(ReadOnlySpan<float> all, int first, int count, int length) =>
        first >= count ? default : all.Slice(first * length, Math.Min(Tiles.Columns / 2, count - first) * length);

    private static int HalfOf(ExpertForm form) => form == ExpertForm.Glu ? Tiles.Columns / 2 : Tiles.Columns;

    public void Dispose()
    {
        First.Dispose();
        Down.Dispose();
        _firstBias.Dispose();
        _downBias.Dispose();
    }
}
