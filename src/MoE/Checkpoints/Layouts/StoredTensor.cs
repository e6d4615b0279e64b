namespace MoE.Checkpoints;

/// <summary>One tensor of a layout: its name, its shape, and which shares of the layer lie in it.</summary>
/// <param name="Name">Its full name.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Shares">What lies in it, per expert where it is stacked.</param>
internal sealed record StoredTensor(string Name, long[] Shape, params StoredShare[] Shares)
{
    /// <summary>Other shapes of the same numbers that are accepted.</summary>
    public long[][] OtherShapes { get; init; } = [];

    /// <summary>The expert whose share it is; where it is stacked, 0, the first.</summary>
    public int Expert { get; init; }

    /// <summary>Experts that lie in it one behind the other; 1 where it is not stacked.</summary>
    public int Stacked { get; init; } = 1;

    /// <summary>Always in single precision (biases of the selection).</summary>
    public bool Single { get; init; }

    /// <summary>A weight of experts, which quantised checkpoints hold in 8 bits.</summary>
    public bool Quantizable { get; init; }

    /// <summary>Two tensors of bytes in its place: numbers of 4 bits and scales (gpt-oss).</summary>
    public bool IsPacked { get; init; }

    /// <summary>Numbers of one expert, or of all of it where it is not stacked.</summary>
    public long Size => Shape.Aggregate(1L, static (n, d) => n * d) / Stacked;

    /// <summary>What the file holds for it.</summary>
    /// <param name="type">The type of plain numbers.</param>
    /// <param name="block">Rows and columns that share a scale where weights have 8 bits; null: they have not.</param>
    public IEnumerable<CheckpointTensor> InFile(SafetensorsType type, (int Rows, int Columns)? block)
    {
        if (IsPacked)
        {
            yield return new CheckpointTensor(Name + "_blocks", SafetensorsType.U8, BlocksShape);
            yield return new CheckpointTensor(Name + "_scales", SafetensorsType.U8, ScalesShape);
        }
        else if (block is { } b && Quantizable && Shape.Length == 2)
        {
            yield return new CheckpointTensor(Name, SafetensorsType.F8E4M3, Shape);
            yield return new CheckpointTensor(Name + "_scale_inv", SafetensorsType.F32, BlockScales(b));
        }
        else yield return new CheckpointTensor(Name, Single ? SafetensorsType.F32 : type, Shape);
    }

    /// <summary>[..., columns / 32, 16]: pairs of numbers.</summary>
    public long[] BlocksShape => [.. Shape[..^1], Shape[^1] / TensorReader.MxBlock, TensorReader.MxBlock / 2];

    /// <summary>[..., columns / 32].</summary>
    public long[] ScalesShape => [.. Shape[..^1], Shape[^1] / TensorReader.MxBlock];

    /// <summary>Blocks of the matrix, the last ones cut off.</summary>
    public long[] BlockScales((int Rows, int Columns) block) => [(Shape[0] + block.Rows - 1) / block.Rows, (Shape[1] + block.Columns - 1) / block.Columns];

    /// <summary>All shares with the expert and the place of its first number.</summary>
    public IEnumerable<(StoredShare Share, int Expert, long Start)> Places()
    {
        for (int e = 0; e < Stacked; e++)
            foreach (var share in Shares) yield return (share, Expert + e, e * Size);
    }
}
