namespace MoE.Checkpoints;

/// <summary>One way in which a family's layers are stored: where the block lies in the decoder layer, and what is in it.</summary>
/// <param name="Name">What tells it from the family's other forms.</param>
/// <param name="Block">Path of the block in the decoder layer, with the dot behind it.</param>
/// <param name="Write">Lists the tensors.</param>
internal sealed record LayoutForm(string Name, string Block, Action<LayoutTensors> Write)
{
    /// <summary>What the names of the layer's own tensors begin with behind the block, where others lie there too.</summary>
    public string[] Own { get; init; } = [""];
}
