using System.Buffers.Binary;
using System.Text;

namespace MoE.Diagnostics;

/// <summary>The bytes of a routing log; docs/routing-log.md describes them.</summary>
internal static class RoutingLogFormat
{
    public const int HeaderSize = 16, FixedSize = 28, MaxName = 1024, MaxExperts = 1 << 20, MaxPayload = 1 << 30;
    public const ushort Version = 1;
    public const byte Weights = 1, Drops = 2, Dispatch = 4, Margins = 8;

    public static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static ReadOnlySpan<byte> Magic => "MoERoute"u8;

    public static byte[] Header()
    {
        var header = new byte[HeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), Crc32.Of(header.AsSpan(0, 12)));
        return header;
    }

    /// <summary>Bytes of an expert's number; all ones stand for no expert.</summary>
    public static int IdSize(int experts) => experts <= byte.MaxValue ? 1 : experts <= ushort.MaxValue ? 2 : 4;
}
