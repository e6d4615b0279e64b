namespace MoE;

/// <summary>Replays recorded draws by name, whatever the step and the distribution asked for.</summary>
public sealed class RecordedNoise : INoiseSource
{
    private readonly Dictionary<string, float[]> _draws;

    /// <summary>Copies a recording.</summary>
    /// <param name="draws">Draws by name.</param>
    public RecordedNoise(IReadOnlyDictionary<string, float[]> draws)
    {
        ArgumentNullException.ThrowIfNull(draws);
        _draws = new Dictionary<string, float[]>(draws, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The recorded draw has another length.</exception>
    public void Fill(string name, long step, NoiseKind kind, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!_draws.TryGetValue(name, out float[]? values))
            throw new KeyNotFoundException($"name = {name}: the recording holds {string.Join(", ", _draws.Keys)}");
        if (values.Length != destination.Length)
            throw new ArgumentException($"destination has {destination.Length} values; the recording of {name} has {values.Length}", nameof(destination));
        values.CopyTo(destination);
    }
}
