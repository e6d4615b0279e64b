using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace MoE.Diagnostics;

/// <summary>
/// Reads a routing log record by record. A file that ends inside a record, or whose checksum fails, is read up to the last good record, and <see cref="Problem"/> says what was lost.
/// Lengths are checked before memory is taken for them. Not thread-safe.
/// </summary>
public sealed class RoutingLogReader : IDisposable
{
    private readonly Stream _stream;
    private readonly bool _leaveOpen;
    private long _offset;
    private bool _ended;

    /// <summary>Reads a stream from where it stands.</summary>
    /// <param name="stream">Readable; it need not seek.</param>
    /// <param name="leaveOpen">The stream stays open.</param>
    /// <exception cref="InvalidDataException">The header is not that of a routing log of this version.</exception>
    public RoutingLogReader(Stream stream, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        _leaveOpen = leaveOpen;
        try
        {
            CheckHeader();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes after the last good record; known once <see cref="TryRead"/> has given false.</summary>
    public long LostBytes { get; private set; }

    /// <summary>What ended the log early, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>Opens a file, also one that is still being written.</summary>
    /// <exception cref="InvalidDataException">The header is not that of a routing log of this version.</exception>
    public static RoutingLogReader Open(string path) => new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));

    /// <summary>The next record.</summary>
    /// <returns>False at the end, and at the first bytes that are no whole record.</returns>
    /// <exception cref="InvalidDataException">A record with a right checksum breaks the rules of the format; the message says where and which.</exception>
    public bool TryRead([NotNullWhen(true)] out RoutingRecord? record)
    {
        record = null;
        if (_ended) return false;
        var prefix = new byte[4];
        int got = _stream.ReadAtLeast(prefix, 4, throwOnEndOfStream: false);
        if (got == 0) return End(null, 0);
        if (got < 4) return End("the file ends inside a record", got);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(prefix);
        if (length is < RoutingLogFormat.FixedSize or > RoutingLogFormat.MaxPayload) return End($"a record of {length} bytes cannot be", 4);
        byte[] body = ReadBody((int)length + 4, out int read);
        if (read < length + 4) return End("the file ends inside a record", 4 + read);
        var payload = body.AsSpan(0, (int)length);
        uint crc = Crc32.Of(payload, Crc32.Of(prefix));
        if (crc != BinaryPrimitives.ReadUInt32LittleEndian(body.AsSpan((int)length))) return End("a checksum does not match", 4 + read);
        try
        {
            record = new RoutingRecordParser(payload).Parse();
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException or OverflowException)
        {
            _ended = true;
            throw new InvalidDataException($"The record at byte {_offset} of the routing log is not valid: {e.Message}", e);
        }

        _offset += 4 + read;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended = true;
        if (!_leaveOpen) _stream.Dispose();
    }

    private void CheckHeader()
    {
        var header = new byte[RoutingLogFormat.HeaderSize];
        int got = _stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (got < header.Length) throw new InvalidDataException($"Not a routing log: {got} bytes; the header alone has {header.Length}.");
        if (!header.AsSpan(0, 8).SequenceEqual(RoutingLogFormat.Magic)) throw new InvalidDataException("Not a routing log: it does not begin with \"MoERoute\".");
        int version = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(8));
        if (version != RoutingLogFormat.Version) throw new InvalidDataException($"The routing log has version {version}; this library reads {RoutingLogFormat.Version}.");
        if (!header.AsSpan().SequenceEqual(RoutingLogFormat.Header())) throw new InvalidDataException("The header of the routing log is damaged.");
        _offset = header.Length;
    }

    // Memory grows with the bytes that are really there, whatever the length says.
    private byte[] ReadBody(int length, out int read)
    {
        var body = new byte[Math.Min(length, 1 << 16)];
        read = 0;
        while (true)
        {
            int got = _stream.ReadAtLeast(body.AsSpan(read), body.Length - read, throwOnEndOfStream: false);
            read += got;
            if (read < body.Length || read == length) return body;
            Array.Resize(ref body, (int)Math.Min(length, 2L * body.Length));
        }
    }

    private bool End(string? problem, long seen)
    {
        _ended = true;
        if (problem is null) return false;
        var rest = new byte[1 << 16];
        int got;
        while ((got = _stream.Read(rest)) > 0) seen += got;
        LostBytes = seen;
        Problem = $"{problem}: {seen} bytes from byte {_offset} on are lost";
        return false;
    }
}
