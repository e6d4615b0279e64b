namespace MoE.Diagnostics;

/// <summary>CRC-32 as in zip and PNG: reflected polynomial 0xEDB88320, all ones first and last. The framework's own is in a package (System.IO.Hashing).</summary>
internal static class Crc32
{
    private static readonly uint[] s_table = [.. Enumerable.Range(0, 256).Select(static b => Enumerable.Range(0, 8).Aggregate((uint)b, static (c, _) => (c & 1) == 0 ? c >> 1 : 0xEDB88320 ^ (c >> 1)))];

    public static uint Of(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        uint crc = ~before;
        foreach (byte b in bytes) crc = s_table[(byte)(crc ^ b)] ^ (crc >> 8);
        return ~crc;
    }
}
