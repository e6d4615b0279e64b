namespace MoE.Diagnostics;

/// <summary>A routing log in memory.</summary>
public sealed class RoutingLog
{
    private readonly Dictionary<(string, long), List<RoutingRecord>> _places = [];

    /// <summary>A log of records made elsewhere.</summary>
    /// <param name="records">In order.</param>
    public RoutingLog(IEnumerable<RoutingRecord> records)
        : this(records, null, 0)
    {
    }

    private RoutingLog(IEnumerable<RoutingRecord> records, string? problem, long lost)
    {
        ArgumentNullException.ThrowIfNull(records);
        Records = [.. records];
        Problem = problem;
        LostBytes = lost;
        foreach (var record in Records)
        {
            if (!_places.TryGetValue((record.Layer, record.Step), out var place)) _places[(record.Layer, record.Step)] = place = [];
            place.Add(record);
        }
    }

    /// <summary>All records, in the order in which they were written.</summary>
    public IReadOnlyList<RoutingRecord> Records { get; }

    /// <summary>What ended the file early, or null.</summary>
    public string? Problem { get; }

    /// <summary>Bytes of the file after the last good record.</summary>
    public long LostBytes { get; }

    /// <summary>The layers, in the order of their first record.</summary>
    public IReadOnlyList<string> Layers => [.. Records.Select(static r => r.Layer).Distinct()];

    /// <summary>Reads a file; everything up to the last good record.</summary>
    /// <exception cref="InvalidDataException">No routing log, or one with a record that breaks the format's rules though its checksum is right.</exception>
    public static RoutingLog Read(string path)
    {
        using var reader = RoutingLogReader.Open(path);
        return Read(reader);
    }

    /// <summary>Reads a stream; everything up to the last good record.</summary>
    /// <exception cref="InvalidDataException">As of a file.</exception>
    public static RoutingLog Read(Stream stream)
    {
        using var reader = new RoutingLogReader(stream, leaveOpen: true);
        return Read(reader);
    }

    /// <summary>The only record of a layer at a step.</summary>
    /// <exception cref="ArgumentException">There is none, or more than one.</exception>
    public RoutingRecord Find(string layer, long step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        int count = _places.TryGetValue((layer, step), out var place) ? place.Count : 0;
        return count == 1 ? place![0] : throw new ArgumentException($"the log holds {count} records of layer \"{layer}\" at step {step}; must hold one{(Problem is null ? "" : $" ({Problem})")}");
    }

    private static RoutingLog Read(RoutingLogReader reader)
    {
        var records = new List<RoutingRecord>();
        while (reader.TryRead(out var record)) records.Add(record);
        return new RoutingLog(records, reader.Problem, reader.LostBytes);
    }
}
