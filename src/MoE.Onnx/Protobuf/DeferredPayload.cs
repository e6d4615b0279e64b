namespace MoE.Onnx;

/// <summary>Content that a callback writes, held to its announced length.</summary>
internal sealed class DeferredPayload(long length, Action<Stream> write) : IProtoPayload
{
    public long Length => length;

    public void CopyTo(Stream target)
    {
        using var counted = new BoundedStream(target, length);
        write(counted);
        if (counted.Written != length)
            throw new InvalidOperationException($"the tensor's callback wrote {counted.Written} bytes; must write {length}");
    }
}
