namespace MoE;

/// <summary>How packed weights are held.</summary>
public enum WeightFormat
{
    /// <summary>Single precision, as they come.</summary>
    Single,

    /// <summary>bfloat16, rounded to nearest even: 2 bytes; relative error of a weight up to 2^-9.</summary>
    BFloat16,

    /// <summary>8 bits with one scale per row (output) of the matrix: 1 byte; error of a weight up to 1/254 of the row's largest, and one more part in 512 where the scale's rounding clips it.</summary>
    Int8PerRow,

    /// <summary>8 bits with one bfloat16 scale per 32 weights of a row: 1.06 bytes.</summary>
    Int8PerBlock,

    /// <summary>4 bits, -8..7, with one bfloat16 scale per 32 weights of a row, the best of a few: 0.56 bytes; error of a weight up to about 1/14 of the block's largest.</summary>
    Int4PerBlock,
}
