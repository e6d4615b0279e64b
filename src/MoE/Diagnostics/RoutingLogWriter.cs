using System.Buffers.Binary;

namespace MoE.Diagnostics;

/// <summary>
/// Writes a routing log: a small binary file of routings from any engine, of many layers and steps. A file grows under its name with <c>.partial</c> added and takes its name in <see cref="Complete"/>;
/// what a crash leaves is a readable log up to the last whole record. Not thread-safe.
/// </summary>
/// <example><code>
/// using var log = RoutingLogWriter.Create("run.moelog");
/// log.Append("layers.3", step, result.Routing.Snapshot());
/// log.Complete();
/// </code></example>
public sealed class RoutingLogWriter : IDisposable
{
    private readonly Stream _stream;
    private readonly string? _path;
    private readonly bool _leaveOpen;
    private readonly bool _weights;
    private byte[] _record = new byte[4096];
    private int _length;
    private bool _closed;

    /// <summary>Writes to a stream.</summary>
    /// <param name="stream">Writable; it need not seek.</param>
    /// <param name="weights">Log weights too; without them a log replays as well and is a fraction of the size.</param>
    /// <param name="leaveOpen">The stream stays open.</param>
    public RoutingLogWriter(Stream stream, bool weights = true, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        _weights = weights;
        _leaveOpen = leaveOpen;
        stream.Write(RoutingLogFormat.Header());
    }

    private RoutingLogWriter(string path, bool weights)
        : this(new FileStream(path + ".partial", FileMode.CreateNew, FileAccess.Write, FileShare.Read), weights) => _path = path;

    /// <summary>Writes a file. Its folder is made where it does not exist.</summary>
    /// <param name="path">Where the file will be; a file of this name is replaced when the log is complete.</param>
    /// <param name="weights">Log weights too.</param>
    /// <exception cref="IOException">The file cannot be written, or a <c>.partial</c> of an earlier run lies there: read it, or delete it.</exception>
    public static RoutingLogWriter Create(string path, bool weights = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return new RoutingLogWriter(full, weights);
    }

    /// <summary>Appends one routing, in one write.</summary>
    /// <param name="layer">Name of the layer, up to 1,024 bytes of UTF-8.</param>
    /// <param name="step">Zero or more. Replay looks a routing up by layer and step.</param>
    /// <param name="routing">Any routing of at most 1,048,576 experts.</param>
    /// <param name="margins">[T] of <see cref="RoutingStatistics.Margins"/>, or empty.</param>
    /// <exception cref="ArgumentException">A name or length is wrong, or the record would be larger than a gibibyte; nothing was written.</exception>
    /// <exception cref="ObjectDisposedException">The log is complete or disposed.</exception>
    public void Append(string layer, long step, Routing routing, ReadOnlySpan<float> margins = default)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        ArgumentException.ThrowIfNullOrEmpty(layer);
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentNullException.ThrowIfNull(routing);
        if (margins.Length != 0 && margins.Length != routing.TokenCount)
            throw new ArgumentException($"margins has {margins.Length} values; must have one per token ({routing.TokenCount})", nameof(margins));
        if (routing.ExpertCount > RoutingLogFormat.MaxExperts)
            throw new ArgumentException($"routing has {routing.ExpertCount} experts; must have at most {RoutingLogFormat.MaxExperts}", nameof(routing));
        byte[] name = Name(layer);
        Begin(routing, name, margins.Length);
        PutFixed(step, routing, name, margins.Length);
        if (routing is SparseRouting sparse) PutRoutes(sparse);
        else PutDense((DenseRouting)routing);
        PutSingles(margins);
        BinaryPrimitives.WriteUInt32LittleEndian(_record, (uint)(_length - 4));
        PutUInt32(Crc32.Of(_record.AsSpan(0, _length)));
        _stream.Write(_record, 0, _length);
    }

    /// <summary>Hands everything to the operating system; of a file, to the disk.</summary>
    public void Flush()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_stream is FileStream file) file.Flush(flushToDisk: true);
        else _stream.Flush();
    }

    /// <summary>Ends the log: flushes, closes, and gives a file its name.</summary>
    /// <exception cref="IOException">The file cannot take its name; the <c>.partial</c> stays.</exception>
    public void Complete()
    {
        Flush();
        Dispose();
        if (_path is not null) File.Move(_path + ".partial", _path, overwrite: true);
    }

    /// <summary>Closes. A file that is not complete keeps its <c>.partial</c> name and stays readable.</summary>
    public void Dispose()
    {
        if (_closed) return;
        _closed = true;
        if (!_leaveOpen) _stream.Dispose();
    }

    private static byte[] Name(string layer)
    {
        byte[] name;
        try
        {
            name = RoutingLogFormat.Utf8.GetBytes(layer);
        }
        catch (System.Text.EncoderFallbackException e)
        {
            throw new ArgumentException("layer holds half of a surrogate pair", nameof(layer), e);
        }

        return name.Length <= RoutingLogFormat.MaxName ? name : throw new ArgumentException($"layer has {name.Length} bytes of UTF-8; must have at most {RoutingLogFormat.MaxName}", nameof(layer));
    }

    private static bool HasDispatch(Routing routing) => routing is DenseRouting dense && !dense.DispatchWeights.SequenceEqual(dense.Weights);

    // Sizes first, so that a record too large is refused before anything is copied.
    private void Begin(Routing routing, byte[] name, int margins)
    {
        long size = 4 + RoutingLogFormat.FixedSize + name.Length + 4 * (long)margins + 4;
        if (routing is SparseRouting)
        {
            long routes = routing.RouteCount;
            size += routes * RoutingLogFormat.IdSize(routing.ExpertCount) + (routes + 7) / 8 + (_weights ? 4 * routes : 0);
            if (routing is RaggedRouting) size += 4 * (long)routing.TokenCount;
        }
        else
        {
            size += 4L * ((DenseRouting)routing).Weights.Length * (HasDispatch(routing) ? 2 : 1);
        }

        if (size > RoutingLogFormat.MaxPayload)
            throw new ArgumentException($"the record would have {size} bytes; must have at most {RoutingLogFormat.MaxPayload}: log a smaller batch", nameof(routing));
        if (_record.Length < size) _record = new byte[Math.Max(size, Math.Min(2L * _record.Length, RoutingLogFormat.MaxPayload))];
        _length = 4;
    }

    private void PutFixed(long step, Routing routing, byte[] name, int margins)
    {
        var plan = (routing as SparseRouting)?.Plan;
        int flags = margins > 0 ? RoutingLogFormat.Margins : 0;
        if (_weights || plan is null) flags |= RoutingLogFormat.Weights;
        if (plan is { DroppedCount: > 0 }) flags |= RoutingLogFormat.Drops;
        if (HasDispatch(routing)) flags |= RoutingLogFormat.Dispatch;
        _record[_length++] = (byte)routing.Kind;
        _record[_length++] = (byte)flags;
        BinaryPrimitives.WriteUInt16LittleEndian(_record.AsSpan(_length), (ushort)name.Length);
        BinaryPrimitives.WriteInt64LittleEndian(_record.AsSpan(_length + 2), step);
        _length += 10;
        PutUInt32((uint)routing.TokenCount);
        PutUInt32((uint)routing.ExpertCount);
        PutUInt32(routing switch { TopKRouting top => (uint)top.Choices, DenseRouting dense => (uint)dense.Slots, _ => 0 });
        PutUInt32(unchecked((uint)(plan?.Capacity ?? -1)));
        name.CopyTo(_record, _length);
        _length += name.Length;
    }

    private void PutRoutes(SparseRouting sparse)
    {
        if (sparse is RaggedRouting ragged)
        {
            for (int t = 0; t < ragged.TokenCount; t++) PutUInt32((uint)(ragged.TokenOffsets[t + 1] - ragged.TokenOffsets[t]));
        }

        int size = RoutingLogFormat.IdSize(sparse.ExpertCount);
        foreach (int id in sparse.ExpertIds)
        {
            // The low bytes of -1 are all ones.
            for (int b = 0; b < size; b++) _record[_length++] = (byte)(id >> (8 * b));
        }

        if (sparse.Plan.DroppedCount > 0) PutDrops(sparse);
        if (_weights) PutSingles(sparse.Weights);
    }

    private void PutDrops(SparseRouting sparse)
    {
        var bits = _record.AsSpan(_length, (sparse.RouteCount + 7) / 8);
        bits.Clear();
        for (int r = 0; r < sparse.RouteCount; r++)
        {
            if (sparse.ExpertIds[r] >= 0 && !sparse.Plan.IsKept(r)) bits[r / 8] |= (byte)(1 << r % 8);
        }

        _length += bits.Length;
    }

    private void PutDense(DenseRouting dense)
    {
        PutSingles(dense.Weights);
        if (HasDispatch(dense)) PutSingles(dense.DispatchWeights);
    }

    private void PutSingles(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            BinaryPrimitives.WriteSingleLittleEndian(_record.AsSpan(_length), value);
            _length += 4;
        }
    }

    private void PutUInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_record.AsSpan(_length), value);
        _length += 4;
    }
}
