using System.Buffers.Binary;
using System.IO.Compression;

namespace MoE.Samples.Data;

/// <summary>Reads gzipped idx files of bytes (the format of MNIST): a zero, a zero, the type 8, the rank, one big-endian length per dimension, the bytes.</summary>
public static class IdxFile
{
    private const long MaxBytes = 256L << 20;

    /// <summary>Reads all of a file.</summary>
    /// <param name="stream">The gzipped file.</param>
    /// <param name="rank">Number of dimensions it must have, 1..4.</param>
    /// <exception cref="InvalidDataException">Not gzip, another type or rank, or shorter or longer than its header says.</exception>
    public static (int[] Shape, byte[] Values) Read(Stream stream, int rank)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rank, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rank, 4);
        using var unzipped = new GZipStream(stream, CompressionMode.Decompress);
        try
        {
            Span<byte> header = stackalloc byte[4 + 4 * rank];
            unzipped.ReadExactly(header);
            if (header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] != rank) throw new InvalidDataException($"the header is {Convert.ToHexString(header[..4])}; must be 000008{rank:X2}");
            var shape = new int[rank];
            long size = 1;
            for (int i = 0; i < rank; i++)
            {
                uint length = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
                if (length is 0 or > int.MaxValue || (size *= length) > MaxBytes) throw new InvalidDataException($"dimension {i} has length {length}; must be positive and the whole at most {MaxBytes} bytes");
                shape[i] = (int)length;
            }

            var values = new byte[size];
            unzipped.ReadExactly(values);
            if (unzipped.ReadByte() >= 0) throw new InvalidDataException($"more than the {size} bytes of the header");
            return (shape, values);
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException("the file is cut off", e);
        }
    }
}
