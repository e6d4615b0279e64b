using System.Runtime.InteropServices;

namespace MoE;

/// <summary>Numbers on a 64-byte boundary, outside the managed heap: its own, freed by disposal or finalisation, or a part of a mapped file.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    // What the memory belongs to, where it is not this.
    private readonly MappedFile? _owner;
    private float* _data;

    /// <param name="length">Numbers; not negative. They are zero.</param>
    public AlignedBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        nuint bytes = checked((nuint)length * sizeof(float));
        _data = (float*)NativeMemory.AlignedAlloc(Math.Max(bytes, 64), 64);
        NativeMemory.Clear(_data, bytes);
        if (bytes > 0) GC.AddMemoryPressure((long)bytes);
    }

    /// <param name="owner">A mapped file, kept alive by this; not disposed.</param>
    /// <param name="offset">In bytes, a multiple of 64 within the file.</param>
    /// <param name="length">Numbers, all within the file.</param>
    public AlignedBuffer(MappedFile owner, long offset, long length)
    {
        if (offset < 0 || offset % 64 != 0 || length < 0 || offset > owner.Length || length > (owner.Length - offset) / sizeof(float))
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{length} numbers must lie within the {owner.Length} bytes of the file, on a boundary of 64");
        _owner = owner;
        Length = length;
        _data = (float*)(owner.Data + offset);
    }

    ~AlignedBuffer() => Free();

    public long Length { get; }

    /// <summary>The memory is a part of a mapped file: it must not be written.</summary>
    public bool IsMapped => _owner is not null;

    /// <exception cref="ObjectDisposedException">It was freed.</exception>
    public float* Data => _data is not null ? _data : throw new ObjectDisposedException(nameof(AlignedBuffer));

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_data is null) return;
        if (_owner is null) NativeMemory.AlignedFree(_data);
        _data = null;
        if (_owner is null && Length > 0) GC.RemoveMemoryPressure(Length * sizeof(float));
    }
}
