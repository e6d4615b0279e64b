namespace MoE.Torch;

/// <summary>Which rows belong to which expert: expert e owns rows <c>Offset(e) .. Offset(e) + Count(e) - 1</c>.</summary>
public sealed class ExpertSegments
{
    private readonly long[] _offsets;

    /// <summary>Segments from counts.</summary>
    /// <param name="counts">Rows per expert [E], none negative.</param>
    public ExpertSegments(ReadOnlySpan<long> counts)
    {
        _offsets = new long[counts.Length + 1];
        for (int e = 0; e < counts.Length; e++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(counts[e], nameof(counts));
            _offsets[e + 1] = _offsets[e] + counts[e];
        }
    }

    /// <summary>E.</summary>
    public int Experts => _offsets.Length - 1;

    /// <summary>R.</summary>
    public long Rows => _offsets[^1];

    /// <summary>Number of rows of an expert.</summary>
    public long Count(int expert) => _offsets[expert + 1] - _offsets[expert];

    /// <summary>First row of an expert.</summary>
    public long Offset(int expert) => _offsets[expert];
}
