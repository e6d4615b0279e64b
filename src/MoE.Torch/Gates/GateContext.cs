using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>What a gate may see beside the tokens. Everything is optional; the caller keeps ownership of the tensors.</summary>
public sealed record GateContext
{
    /// <summary>Nothing beside the tokens.</summary>
    public static GateContext Empty { get; } = new();

    /// <summary>What the scorer looks at where it differs from the experts' input, [T, Ds] (or with the layer's leading dimensions).</summary>
    public Tensor? Selector { get; init; }

    /// <summary>[T] bool (or the layer's leading dimensions): true for padding. A padded token goes to no expert and uses no capacity.</summary>
    public Tensor? Padding { get; init; }

    /// <summary>[E] bool: true for an expert that may not be chosen.</summary>
    public Tensor? ClosedExperts { get; init; }

    /// <summary>[T, K] int64: the experts to take instead of choosing (replay), -1 for none; weights come from the live scores.</summary>
    public Tensor? GivenExperts { get; init; }

    /// <summary>[T] int64: vocabulary ids, for hash gates.</summary>
    public Tensor? TokenIds { get; init; }

    /// <summary>[T] int64: task ids, for task gates.</summary>
    public Tensor? TaskIds { get; init; }

    /// <summary>[T] int64: type ids, for typed gates.</summary>
    public Tensor? TypeIds { get; init; }

    /// <summary>[T, E'] (or with the layer's leading dimensions): the router logits of the MoE layer before, for gates with a residual (MoE++).</summary>
    public Tensor? PreviousLogits { get; init; }

    /// <summary>Training step.</summary>
    public long Step { get; init; }

    /// <summary>Where random numbers come from; null: a gate that needs them refuses.</summary>
    public INoiseSource? Noise { get; init; }

    /// <summary>The gate's place in the model, the first part of the names of its draws; see <see cref="NoiseNames"/>.</summary>
    public string NoiseScope { get; init; } = NoiseNames.DefaultScope;

    /// <summary>Tokens per sequence, for what is counted sequence by sequence; divides T. 0: the whole batch is one sequence.</summary>
    public int SequenceLength { get; init; }

    /// <summary>Do not look for NaN and infinities in the logits. On the CPU the look costs one pass over them; on other devices it is never taken, because it would wait for the device.</summary>
    public bool SkipLogitCheck { get; init; }
}
