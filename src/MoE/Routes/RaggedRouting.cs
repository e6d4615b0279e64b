namespace MoE;

/// <summary>A variable number of choices per token, as compressed rows: token t owns routes <c>TokenOffsets[t] .. TokenOffsets[t + 1] - 1</c>.</summary>
public sealed class RaggedRouting : SparseRouting
{
    private readonly int[] _offsets;
    private readonly int[] _tokens;

    /// <summary>Makes a routing. The arrays are kept, not copied; the caller no longer writes to them.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="tokenOffsets">[T + 1], from 0, never falling, to the number of routes.</param>
    /// <param name="expertIds">[N], each -1 or in 0..E-1.</param>
    /// <param name="weights">[N], finite.</param>
    /// <param name="plan">The dispatch plan; null: dropless.</param>
    /// <param name="scores">[T, E] or null.</param>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public RaggedRouting(int experts, int[] tokenOffsets, int[] expertIds, float[] weights, ExpertPlan? plan = null, float[]? scores = null)
        : base(CountTokens(tokenOffsets, expertIds), experts, expertIds, weights, plan, scores)
    {
        _offsets = tokenOffsets;
        _tokens = new int[expertIds.Length];
        for (int t = 0; t < TokenCount; t++) _tokens.AsSpan(tokenOffsets[t]..tokenOffsets[t + 1]).Fill(t);
    }

    /// <inheritdoc/>
    public override RoutingKind Kind => RoutingKind.Ragged;

    /// <summary>[T + 1].</summary>
    public ReadOnlySpan<int> TokenOffsets => _offsets;

    /// <inheritdoc/>
    public override int TokenOf(int route) => _tokens[route];

    private static int CountTokens(int[] tokenOffsets, int[] expertIds)
    {
        ArgumentNullException.ThrowIfNull(tokenOffsets);
        ArgumentNullException.ThrowIfNull(expertIds);
        if (tokenOffsets.Length == 0 || tokenOffsets[0] != 0 || tokenOffsets[^1] != expertIds.Length)
            throw new ArgumentException($"tokenOffsets must run from 0 to the number of routes ({expertIds.Length})", nameof(tokenOffsets));
        for (int t = 1; t < tokenOffsets.Length; t++)
        {
            if (tokenOffsets[t] < tokenOffsets[t - 1])
                throw new ArgumentException($"tokenOffsets[{t}] = {tokenOffsets[t]}: must not be below tokenOffsets[{t - 1}] = {tokenOffsets[t - 1]}", nameof(tokenOffsets));
        }

        return tokenOffsets.Length - 1;
    }
}
