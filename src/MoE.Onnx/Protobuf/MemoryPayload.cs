using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MoE.Onnx;

/// <summary>Elements that lie in memory, little-endian as .NET's platforms hold them. The memory is not copied.</summary>
internal sealed class MemoryPayload<T>(ReadOnlyMemory<T> values) : IProtoPayload
    where T : unmanaged
{
    // A span of bytes cannot pass 2 GiB, the memory can.
    private const int ElementsPerWrite = 1 << 24;

    public long Length => (long)values.Length * Unsafe.SizeOf<T>();

    public void CopyTo(Stream target)
    {
        for (int i = 0; i < values.Length; i += ElementsPerWrite)
            target.Write(MemoryMarshal.AsBytes(values.Span.Slice(i, Math.Min(ElementsPerWrite, values.Length - i))));
    }
}
