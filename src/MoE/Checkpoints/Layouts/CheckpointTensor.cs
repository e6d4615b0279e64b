namespace MoE.Checkpoints;

/// <summary>A tensor that a checkpoint holds, or should hold.</summary>
/// <param name="Name">Its name in the checkpoint.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its dimensions.</param>
public sealed record CheckpointTensor(string Name, SafetensorsType Type, IReadOnlyList<long> Shape)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name} {SafetensorsTypes.Name(Type)} [{string.Join(", ", Shape)}]";
}
