using static TorchSharp.torch;

namespace MoE.Samples.Language;

/// <summary>Windows of a token stream.</summary>
/// <param name="Tokens">The stream.</param>
/// <param name="Length">Inputs per window; a window holds one more, the last target.</param>
public sealed record TokenWindows(int[] Tokens, int Length)
{
    /// <summary>All documents one behind the other.</summary>
    public static TokenWindows Of(Tokenizer tokenizer, IEnumerable<string> documents, int length)
    {
        int[] tokens = [.. documents.SelectMany(tokenizer.Encode)];
        return tokens.Length > 2 * length ? new(tokens, length) : throw new InvalidDataException($"a text has {tokens.Length} tokens; must have more than {2 * length}");
    }

    /// <summary>A window at a random place.</summary>
    public ReadOnlySpan<int> Draw(Random random) => Tokens.AsSpan(random.Next(Tokens.Length - Length), Length + 1);

    /// <summary>Windows at equal distances, up to a number.</summary>
    public IEnumerable<int[]> Spread(int most)
    {
        int count = Math.Min(most, (Tokens.Length - 1) / Length);
        for (long i = 0; i < count; i++) yield return Tokens.AsSpan((int)(i * (Tokens.Length - Length - 1) / Math.Max(1, count - 1)), Length + 1).ToArray();
    }

    /// <summary>Windows as a batch, [B, T + 1] int64.</summary>
    public static Tensor Batch(IReadOnlyList<int[]> windows) => tensor([.. windows.SelectMany(static w => w.Select(static t => (long)t))], windows.Count, windows[0].Length);
}
