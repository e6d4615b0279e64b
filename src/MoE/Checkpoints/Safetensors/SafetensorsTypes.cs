using System.Text;

namespace MoE.Checkpoints;

/// <summary>Names and sizes of the element types.</summary>
internal static class SafetensorsTypes
{
    private static readonly (SafetensorsType Type, string Name, int Bits)[] s_all =
    [
        (SafetensorsType.Bool, "BOOL", 8),
        (SafetensorsType.F4, "F4", 4),
        (SafetensorsType.F6E2M3, "F6_E2M3", 6),
        (SafetensorsType.F6E3M2, "F6_E3M2", 6),
        (SafetensorsType.U8, "U8", 8),
        (SafetensorsType.I8, "I8", 8),
        (SafetensorsType.F8E5M2, "F8_E5M2", 8),
        (SafetensorsType.F8E4M3, "F8_E4M3", 8),
        (SafetensorsType.F8E8M0, "F8_E8M0", 8),
        (SafetensorsType.F8E4M3Fnuz, "F8_E4M3FNUZ", 8),
        (SafetensorsType.F8E5M2Fnuz, "F8_E5M2FNUZ", 8),
        (SafetensorsType.I16, "I16", 16),
        (SafetensorsType.U16, "U16", 16),
        (SafetensorsType.F16, "F16", 16),
        (SafetensorsType.BF16, "BF16", 16),
        (SafetensorsType.I32, "I32", 32),
        (SafetensorsType.U32, "U32", 32),
        (SafetensorsType.F32, "F32", 32),
        (SafetensorsType.C64, "C64", 64),
        (SafetensorsType.F64, "F64", 64),
        (SafetensorsType.I64, "I64", 64),
        (SafetensorsType.U64, "U64", 64),
    ];

    private static readonly (SafetensorsType Type, byte[] Name)[] s_names = [.. s_all.Select(static t => (t.Type, Encoding.ASCII.GetBytes(t.Name)))];

    public static string Name(SafetensorsType type) => s_all[(int)type].Name;

    public static int Bits(SafetensorsType type) => s_all[(int)type].Bits;

    public static SafetensorsType? Find(ReadOnlySpan<byte> name)
    {
        foreach (var (type, known) in s_names)
        {
            if (name.SequenceEqual(known)) return type;
        }

        return null;
    }

    /// <summary>The bytes of a tensor, or null where they are no whole number or do not fit in 63 bits.</summary>
    public static long? Bytes(SafetensorsType type, ReadOnlySpan<long> shape)
    {
        // A zero anywhere makes the tensor empty, whatever the other sizes are.
        if (shape.Contains(0)) return 0;
        Int128 bits = Bits(type);
        foreach (long d in shape)
        {
            bits *= d;
            if (bits > (Int128)long.MaxValue * 8) return null;
        }

        return bits % 8 == 0 ? (long)(bits / 8) : null;
    }
}
