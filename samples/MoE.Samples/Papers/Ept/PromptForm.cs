namespace MoE.Samples.Papers.Ept;

/// <summary>The make of a prompt.</summary>
/// <param name="Length">s, tokens in front of the sentence; 0: none.</param>
/// <param name="Rank">r of the product A B that is added to the sentence's embeddings; 0: none.</param>
/// <param name="Attention">Width of queries and keys where the short prompt attends to the product; 0: no fusion.</param>
/// <param name="Spaces">N, spaces that the prompt is projected into; 0: none.</param>
/// <param name="SpaceWidth">Width of a space.</param>
/// <param name="Gated">The spaces are weighed by a softmax gate; otherwise alike.</param>
public sealed record PromptForm(int Length, int Rank = 0, int Attention = 0, int Spaces = 0, int SpaceWidth = 0, bool Gated = true)
{
    /// <summary>alpha of the low-rank product's scale, alpha / sqrt(r).</summary>
    public const double Alpha = 8;

    /// <summary>Numbers that are trained at width D on sentences of at most m words.</summary>
    public long Parameters(int width, int longest) =>
        (long)Length * width + (long)Rank * (longest + width) + 2L * width * Attention + 2L * Spaces * width * SpaceWidth + (Gated && Spaces > 1 ? (long)Spaces * (width + 1) : 0);
}
