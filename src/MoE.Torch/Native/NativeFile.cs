namespace MoE.Torch.Native;

/// <summary>Reads a native library into memory.</summary>
internal static class NativeFile
{
    // LibTorchSharp has 2.4 MB; the bound keeps a mistaken path (libtorch_cpu has 460 MB) from being read whole.
    private const long MaxBytes = 64 << 20;

    /// <summary>Reads the whole file.</summary>
    /// <exception cref="InvalidDataException">The file is larger than any library that this code has to do with.</exception>
    public static byte[] Read(string path)
    {
        using var stream = File.OpenRead(path);
        if (stream.Length > MaxBytes)
            throw new InvalidDataException($"{path} has {stream.Length} bytes, more than the {MaxBytes} of any library handled here.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
