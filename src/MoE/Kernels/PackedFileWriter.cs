namespace MoE;

/// <summary>Writes a packed layer section by section; the file appears under its name only when complete. Disposed before <see cref="Commit"/>, it leaves nothing.</summary>
internal sealed unsafe class PackedFileWriter : IDisposable
{
    // Bytes between two reports of progress and looks at the cancellation.
    private const int Step = 4 << 20;

    private readonly PackedFile _plan;
    private readonly ReplacementFile _file;
    private readonly FileStream _stream;
    private readonly IProgress<double>? _progress;
    private readonly CancellationToken _cancellation;
    private int _next;

    public PackedFileWriter(string path, PackedFile plan, IProgress<double>? progress, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        cancellation.ThrowIfCancellationRequested();
        _plan = plan;
        _progress = progress;
        _cancellation = cancellation;
        _file = new ReplacementFile(path);
        _stream = _file.Stream;
    }

    /// <summary>The matrices and biases of an expert.</summary>
    public void Add(PackedExpert expert)
    {
        foreach (var (data, bytes, errors) in expert.Parts) Add((byte*)data, bytes, errors);
    }

    public void Add(PackedMatrix matrix) => Add(matrix.Panel(0), matrix.Bytes, matrix.Errors);

    public void Add(ReadOnlySpan<float> vector)
    {
        fixed (float* v = vector) Add((byte*)v, vector.Length * (long)sizeof(float), default);
    }

    private void Add(byte* data, long bytes, (double, double, double) errors)
    {
        var section = _plan.Sections[_next];
        if (section.Length != bytes) throw new InvalidOperationException($"section {_next} has {bytes} bytes; must have {section.Length}");
        _stream.Position = section.Offset;
        uint crc = 0;
        for (long at = 0; at < bytes; at += Step)
        {
            _cancellation.ThrowIfCancellationRequested();
            var part = new ReadOnlySpan<byte>(data + at, (int)Math.Min(Step, bytes - at));
            crc = Crc32C.Of(part, crc);
            _stream.Write(part);
            _progress?.Report((double)_stream.Position / _plan.Length);
        }

        _plan.Sections[_next++] = section with { Crc = crc, Errors = errors };
    }

    /// <summary>Writes the header and gives the file its name.</summary>
    public void Commit()
    {
        if (_next != _plan.Sections.Length) throw new InvalidOperationException($"{_next} of {_plan.Sections.Length} sections were written");
        _stream.SetLength(_plan.Length);
        _stream.Position = 0;
        _stream.Write(_plan.Header());
        _file.Complete();
        _cancellation.ThrowIfCancellationRequested();
        _file.Commit();
        _progress?.Report(1);
    }

    public void Dispose() => _file.Dispose();
}
