using System.Buffers.Binary;

namespace MoE.Samples.Data.Readers;

/// <summary>Reads arrays in the idx format of MNIST: two zero bytes, a type, the number of dimensions, the dimensions as big-endian 32-bit numbers, the values.</summary>
public static class Idx
{
    private const long Largest = 1 << 30;

    /// <summary>An array of unsigned bytes.</summary>
    /// <param name="file">The file, unpacked.</param>
    /// <param name="dimensions">How many dimensions it must have.</param>
    /// <exception cref="InvalidDataException">It is no such array, is cut off or goes on after its end.</exception>
    public static (int[] Shape, byte[] Values) Bytes(Stream file, int dimensions) => Read(file, 0x08, 1, dimensions);

    /// <summary>An array of 16-bit numbers.</summary>
    /// <inheritdoc cref="Bytes"/>
    public static (int[] Shape, short[] Values) Shorts(Stream file, int dimensions)
    {
        var (shape, bytes) = Read(file, 0x0B, 2, dimensions);
        short[] values = new short[bytes.Length / 2];
        for (int i = 0; i < values.Length; i++) values[i] = BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(2 * i));
        return (shape, values);
    }

    private static (int[] Shape, byte[] Bytes) Read(Stream file, byte type, int width, int dimensions)
    {
        byte[] head = Exactly(file, 4 + 4L * dimensions);
        if (head[0] != 0 || head[1] != 0 || head[2] != type || head[3] != dimensions)
            throw new InvalidDataException($"begins with {Convert.ToHexStringLower(head.AsSpan(0, 4))}; an idx file of this type and {dimensions} dimensions begins with 0000{type:x2}{dimensions:x2}");
        int[] shape = new int[dimensions];
        long length = width;
        for (int d = 0; d < dimensions; d++)
        {
            shape[d] = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4 + 4 * d));
            if (shape[d] < 0 || (length *= shape[d]) > Largest) throw new InvalidDataException($"dimension {d} is {(uint)shape[d]}: more than {Largest:N0} bytes");
        }

        byte[] bytes = Exactly(file, length);
        if (file.ReadByte() >= 0) throw new InvalidDataException("goes on after its last value");
        return (shape, bytes);
    }

    // Grows with what is there, not with what the head promises.
    private static byte[] Exactly(Stream file, long length)
    {
        using var content = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        while (content.Length < length)
        {
            int read = file.Read(buffer, 0, (int)Math.Min(buffer.Length, length - content.Length));
            if (read == 0) throw new InvalidDataException($"ends after {content.Length:N0} of {length:N0} bytes");
            content.Write(buffer, 0, read);
        }

        return content.ToArray();
    }
}
