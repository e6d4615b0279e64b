namespace MoE.Diagnostics;

/// <summary>
/// Replays a log through a gate: the experts are those of the record of the layer at <see cref="GateInput.Step"/>, the weights come from the live scores. A log of another shape is refused with both shapes.
/// As thread-safe as the gate inside.
/// </summary>
public sealed class ReplayGate : IGate
{
    private readonly IGate _gate;
    private readonly RoutingLog _log;
    private readonly string _layer;

    /// <summary>Wraps a gate.</summary>
    /// <param name="gate">A gate that takes <see cref="GateInput.GivenExperts"/>, as <see cref="LinearGate"/> does.</param>
    /// <param name="log">The log.</param>
    /// <param name="layer">Name of the layer in the log.</param>
    /// <exception cref="ArgumentException">The log has no record of the layer.</exception>
    public ReplayGate(IGate gate, RoutingLog log, string layer)
    {
        ArgumentNullException.ThrowIfNull(gate);
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(layer);
        if (!log.Layers.Contains(layer))
            throw new ArgumentException($"layer = \"{layer}\": the log holds {(log.Layers.Count == 0 ? "no layer" : string.Join(", ", log.Layers.Select(static l => $"\"{l}\"")))}", nameof(layer));
        _gate = gate;
        _log = log;
        _layer = layer;
    }

    /// <inheritdoc/>
    public string Name => $"replay of {_gate.Name}";

    /// <inheritdoc/>
    public int ExpertCount => _gate.ExpertCount;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">No record of this step, or one of another T, E or K.</exception>
    /// <exception cref="InvalidOperationException">The gate did not take the given experts.</exception>
    public Routing Route(in GateInput input)
    {
        var record = _log.Find(_layer, input.Step);
        int choices = Choices(record, input.Step);
        int[] given = record.GivenExperts(input.TokenCount, ExpertCount, choices);
        var routing = _gate.Route(input with { GivenExperts = given });
        if (!Took(routing, given, choices, input.Padding))
            throw new InvalidOperationException($"gate {_gate.Name} did not take the experts of {record.Place}; replay needs a gate that obeys {nameof(GateInput.GivenExperts)}");
        return routing;
    }

    // Of a gate that is not the library's own, the record's K can only be believed.
    private int Choices(RoutingRecord record, long step) => _gate is LinearGate linear
        ? linear.Spec.At(step).TopK
        : record.Routing is TopKRouting top ? top.Choices : ExpertCount;

    private static bool Took(Routing routing, int[] given, int choices, ReadOnlySpan<bool> padding)
    {
        if (routing is not SparseRouting sparse || sparse.TokenCount * (long)choices != given.Length) return false;
        var taken = new TokenExperts(routing);
        for (int t = 0; t < sparse.TokenCount; t++)
        {
            var row = given.AsSpan(t * choices, choices);
            var own = taken.Of(t);
            foreach (var route in own)
            {
                if (!row.Contains(route.Expert)) return false;
            }

            if (!padding.IsEmpty && padding[t]) continue;
            foreach (int expert in row)
            {
                if (expert >= 0 && !own.Any(r => r.Expert == expert)) return false;
            }
        }

        return true;
    }
}
