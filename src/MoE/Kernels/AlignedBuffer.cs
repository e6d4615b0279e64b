using System.Runtime.InteropServices;

namespace MoE;

/// <summary>Numbers on a 64-byte boundary, outside the managed heap. Freed by disposal or finalisation.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
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

    ~AlignedBuffer() => Free();

    public long Length { get; }

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
        NativeMemory.AlignedFree(_data);
        _data = null;
        if (Length > 0) GC.RemoveMemoryPressure(Length * sizeof(float));
    }
}
