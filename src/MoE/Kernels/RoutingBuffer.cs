using System.Runtime.CompilerServices;

namespace MoE;

/// <summary>A top-k routing in memory that is used again and again: what a <see cref="TopKRouting"/> without drops holds. Grows, and never shrinks. Not thread-safe.</summary>
public sealed class RoutingBuffer
{
    private int[] _ids = [], _permutation = [], _offsets = [0], _next = [0];
    private float[] _weights = [];

    /// <summary>T of the last routing.</summary>
    public int TokenCount { get; private set; }

    /// <summary>E of the last routing.</summary>
    public int ExpertCount { get; private set; }

    /// <summary>K of the last routing.</summary>
    public int Choices { get; private set; }

    /// <summary>[T, K]: experts, best first; -1 where a token has none.</summary>
    public ReadOnlySpan<int> ExpertIds => _ids.AsSpan(0, TokenCount * Choices);

    /// <summary>[T, K].</summary>
    public ReadOnlySpan<float> Weights => _weights.AsSpan(0, TokenCount * Choices);

    /// <summary>[E + 1]: where the routes of each expert begin in <see cref="Permutation"/>.</summary>
    public ReadOnlySpan<int> Offsets => _offsets.AsSpan(0, ExpertCount + 1);

    /// <summary>Routes (t K + j) by expert; within an expert in their own order.</summary>
    public ReadOnlySpan<int> Permutation => _permutation.AsSpan(0, TokenCount == 0 ? 0 : _offsets[ExpertCount]);

    /// <summary>Routes of an expert.</summary>
    /// <param name="expert">0..E-1.</param>
    public int Load(int expert)
    {
        if ((uint)expert >= (uint)ExpertCount) throw new ArgumentOutOfRangeException(nameof(expert), expert, $"must be in 0..{ExpertCount - 1}");
        return _offsets[expert + 1] - _offsets[expert];
    }

    internal Span<int> MutableIds => _ids.AsSpan(0, TokenCount * Choices);

    internal Span<float> MutableWeights => _weights.AsSpan(0, TokenCount * Choices);

    internal void Begin(int tokens, int experts, int choices)
    {
        int routes = checked(tokens * choices);
        if (_ids.Length < routes)
        {
            _ids = new int[routes];
            _weights = new float[routes];
            _permutation = new int[routes];
        }

        if (_offsets.Length < experts + 1)
        {
            _offsets = new int[experts + 1];
            _next = new int[experts + 1];
        }

        (TokenCount, ExpertCount, Choices) = (tokens, experts, choices);
    }

    // Counting sort: stable.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Bucket()
    {
        var ids = ExpertIds;
        var next = _next.AsSpan(0, ExpertCount + 1);
        next.Clear();
        foreach (int e in ids) next[e + 1]++;
        // Routes without an expert were counted at 0, which becomes the start.
        next[0] = 0;
        _offsets[0] = 0;
        for (int e = 0; e < ExpertCount; e++) _offsets[e + 1] = _offsets[e] + next[e + 1];
        _offsets.AsSpan(0, ExpertCount).CopyTo(next);
        for (int r = 0; r < ids.Length; r++)
        {
            if (ids[r] >= 0) _permutation[next[ids[r]]++] = r;
        }
    }

    internal void Copy(TopKRouting routing)
    {
        Begin(routing.TokenCount, routing.ExpertCount, routing.Choices);
        routing.ExpertIds.CopyTo(MutableIds);
        routing.Weights.CopyTo(MutableWeights);
        routing.Plan.Offsets.CopyTo(_offsets);
        routing.Plan.Permutation.CopyTo(_permutation);
    }
}
