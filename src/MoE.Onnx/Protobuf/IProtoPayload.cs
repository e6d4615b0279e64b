namespace MoE.Onnx;

/// <summary>Content of a bytes field, produced when it is written. Every call gives the same bytes.</summary>
internal interface IProtoPayload
{
    /// <summary>Number of bytes.</summary>
    long Length { get; }

    /// <summary>Writes exactly <see cref="Length"/> bytes.</summary>
    /// <exception cref="InvalidOperationException">The content turned out longer or shorter.</exception>
    void CopyTo(Stream target);
}
