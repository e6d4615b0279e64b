using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace MoE.Checkpoints;

/// <summary>
/// A safetensors file, mapped into memory: names, types, shapes and bytes without copying. Everything in it is checked before anything is given out; a file that breaks a rule of the format is refused whole.
/// Safe for concurrent readers. The file must not change while it is open.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafetensorsHeader _header;
    private byte* _data;

    private SafetensorsFile(string path, MemoryMappedFile file, MemoryMappedViewAccessor view, byte* start, long length)
    {
        Path = path;
        _file = file;
        _view = view;
        ulong header = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(start, 8));
        if (header > SafetensorsHeader.LargestHeader || header > (ulong)(length - 8))
            throw new InvalidDataException($"the header length is {header}; must be at most {Math.Min(SafetensorsHeader.LargestHeader, length - 8)}");
        _header = SafetensorsHeader.Parse(new ReadOnlySpan<byte>(start + 8, (int)header), length - 8 - (long)header);
        _data = start + 8 + header;
    }

    /// <summary>Where the file lies.</summary>
    public string Path { get; }

    /// <summary>The free text of the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>All tensors, in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries => _header.Entries;

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file breaks a rule of the format; the message names the file and the rule.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        MemoryMappedFile? file = null;
        MemoryMappedViewAccessor? view = null;
        bool acquired = false;
        try
        {
            long length = stream.Length;
            if (length < 8) throw new InvalidDataException($"the file has {length} bytes; must have at least 8");
            file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            byte* start = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            acquired = true;
            return new SafetensorsFile(path, file, view, start + view.PointerOffset, length);
        }
        catch (Exception e)
        {
            if (acquired) view!.SafeMemoryMappedViewHandle.ReleasePointer();
            view?.Dispose();
            file?.Dispose();
            stream.Dispose();
            if (e is InvalidDataException) throw new InvalidDataException($"{path}: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">Its name, exactly.</param>
    /// <param name="entry">The tensor, if found.</param>
    public bool TryGet(string name, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out SafetensorsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _header.ByName.TryGetValue(name, out entry);
    }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">Its name, exactly.</param>
    /// <exception cref="KeyNotFoundException">The file has no such tensor.</exception>
    public SafetensorsEntry Get(string name) => TryGet(name, out var entry) ? entry : throw new KeyNotFoundException($"name = {name}: {Path} has no such tensor");

    /// <summary>The bytes of a tensor, in the mapped file: valid until this is disposed, and never to be used after.</summary>
    /// <param name="entry">A tensor of this file, of less than 2 GiB.</param>
    /// <exception cref="ArgumentException">The tensor is not of this file, or larger; see <see cref="Slice"/>.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public ReadOnlySpan<byte> Bytes(SafetensorsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.Length > int.MaxValue) throw new ArgumentException($"entry {entry} has {entry.Length} bytes; more than a span holds, take slices", nameof(entry));
        return Slice(entry, 0, (int)entry.Length);
    }

    /// <summary>Some bytes of a tensor, in the mapped file: valid until this is disposed, and never to be used after.</summary>
    /// <param name="entry">A tensor of this file, of any size.</param>
    /// <param name="offset">First byte, counted from that of the tensor.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentException">The tensor is not of this file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bytes are not all within the tensor.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public ReadOnlySpan<byte> Slice(SafetensorsEntry entry, long offset, int length)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ObjectDisposedException.ThrowIf(_data == null, this);
        if (!_header.ByName.TryGetValue(entry.Name, out var own) || !ReferenceEquals(own, entry)) throw new ArgumentException($"entry {entry} is not a tensor of {Path}", nameof(entry));
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (offset > entry.Length - length) throw new ArgumentOutOfRangeException(nameof(offset), offset, $"offset and length ({length}) must stay within the tensor's {entry.Length} bytes");
        return new ReadOnlySpan<byte>(_data + entry.Offset + offset, length);
    }

    /// <summary>Unmaps the file. Spans given out are invalid from here on.</summary>
    public void Dispose()
    {
        if (_data == null) return;
        _data = null;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
