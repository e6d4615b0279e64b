namespace MoE.Checkpoints;

/// <summary>Element types of the safetensors format, in the order of its reference implementation (which sorts tensors by it, largest first).</summary>
public enum SafetensorsType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>4-bit floating point, two to a byte (OCP MX E2M1).</summary>
    F4,

    /// <summary>6-bit floating point with 2 exponent bits, packed.</summary>
    F6E2M3,

    /// <summary>6-bit floating point with 3 exponent bits, packed.</summary>
    F6E3M2,

    /// <summary>Unsigned byte.</summary>
    U8,

    /// <summary>Signed byte.</summary>
    I8,

    /// <summary>8-bit floating point with 5 exponent bits.</summary>
    F8E5M2,

    /// <summary>8-bit floating point with 4 exponent bits.</summary>
    F8E4M3,

    /// <summary>8-bit power of two (OCP MX scale).</summary>
    F8E8M0,

    /// <summary>8-bit floating point with 4 exponent bits, finite, without negative zero.</summary>
    F8E4M3Fnuz,

    /// <summary>8-bit floating point with 5 exponent bits, finite, without negative zero.</summary>
    F8E5M2Fnuz,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>Two singles, real and imaginary part.</summary>
    C64,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}
