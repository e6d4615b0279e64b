using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// One decision per sequence (SteloCoder): a linear scorer without bias on the embeddings of the tokens, the largest score of each expert over the sequence, a softmax. Dense in training; in evaluation the best
/// expert alone at full weight. Decide once on the prompt and keep the decision while decoding: with a key-value cache the gate would see only the newest token. Parameter <c>scorer.weight</c> [n, D].
/// </summary>
public sealed class SequenceMaxGate : nn.Module<Tensor, Tensor>
{
    private readonly Linear scorer;

    /// <summary>Makes a gate.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="experts">n, positive.</param>
    public SequenceMaxGate(int width, int experts)
        : base(nameof(SequenceMaxGate))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        scorer = nn.Linear(width, experts, hasBias: false);
        RegisterComponents();
    }

    /// <summary>The weights of the experts for each sequence.</summary>
    /// <param name="embeddings">Token and position embeddings, [B, T, D], T positive.</param>
    /// <returns>[B, n]: a softmax in training, one-hot in evaluation (equal scores: the lowest index).</returns>
    public override Tensor forward(Tensor embeddings) => weights(embeddings, null);

    /// <summary>The weights of the experts for each sequence.</summary>
    /// <param name="embeddings">[B, T, D], T positive.</param>
    /// <param name="padding">[B, T] bool, true for padding, which cannot win the maximum; every sequence must have a token. Null: none (the original code lets padding take part).</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public Tensor weights(Tensor embeddings, Tensor? padding)
    {
        if (training) return soft_weights(embeddings, padding);
        using var scope = NewDisposeScope();
        var scores = Scores(embeddings, padding);
        using var guard = no_grad();
        var best = scores.argmax(-1, keepdim: true);
        return zeros_like(scores).scatter_(1, best, ones_like(best, dtype: scores.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>The softmax over the experts for each sequence, in training and evaluation alike.</summary>
    /// <param name="embeddings">[B, T, D], T positive.</param>
    /// <param name="padding">[B, T] bool, or null.</param>
    /// <returns>[B, n].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public Tensor soft_weights(Tensor embeddings, Tensor? padding = null)
    {
        using var scope = NewDisposeScope();
        return Scores(embeddings, padding).softmax(-1).MoveToOuterDisposeScope();
    }

    /// <summary>The expert of each sequence, to be kept while its continuation is decoded.</summary>
    /// <param name="embeddings">[B, T, D] of the prompts.</param>
    /// <param name="padding">[B, T] bool, or null.</param>
    /// <returns>[B] int64: what <see cref="RowLoraMix"/> takes.</returns>
    public Tensor decide(Tensor embeddings, Tensor? padding = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Scores(embeddings, padding).argmax(-1).MoveToOuterDisposeScope();
    }

    private Tensor Scores(Tensor embeddings, Tensor? padding)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        if (embeddings.dim() != 3 || embeddings.shape[1] == 0 || embeddings.shape[2] != scorer.weight.shape[1])
            throw new ArgumentException($"embeddings has shape {TensorGuard.Shape(embeddings)}; must be [B, T, {scorer.weight.shape[1]}] with T positive", nameof(embeddings));
        var scores = scorer.call(embeddings);
        if (padding is not null)
        {
            if (padding.dtype != ScalarType.Bool || !padding.shape.SequenceEqual(embeddings.shape[..2])) throw new ArgumentException($"padding is {padding.dtype} {TensorGuard.Shape(padding)}; must be Bool [{embeddings.shape[0]}, {embeddings.shape[1]}]", nameof(padding));
            scores = scores.masked_fill(padding.unsqueeze(-1), double.NegativeInfinity);
        }

        return scores.amax([1]);
    }
}
