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

    /// <summary>
    /// 4 bits with a bfloat16 scale and a 4-bit zero point per 32 weights of a row, w = scale (number - zero), the best of some: 0.58 bytes. Never worse than <see cref="Int4PerBlock"/>, whose blocks are among those tried; error of a
    /// weight up to about 1/30 of the block's range, from its smallest to its largest, zero included.
    /// </summary>
    Int4PerBlockAsymmetric,
}
