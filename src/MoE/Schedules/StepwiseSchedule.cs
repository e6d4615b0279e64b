using System.Text.Json.Serialization;

namespace MoE;

/// <summary>A value that holds until the next change.</summary>
/// <example><code>var k = new StepwiseSchedule { Initial = 8, Changes = [new() { Step = 1000, Value = 4 }, new() { Step = 5000, Value = 2 }] };</code></example>
public sealed record StepwiseSchedule : ScheduleSpec
{
    private readonly ScheduleChange[] _changes = [];

    /// <summary>The value from step 0, finite.</summary>
    public required double Initial { get; init; }

    /// <summary>The changes, by rising step; a copy of what was given.</summary>
    public required IReadOnlyList<ScheduleChange> Changes
    {
        get => _changes;
        init => _changes = [.. value ?? throw new ArgumentNullException(nameof(value))];
    }

    /// <inheritdoc/>
    [JsonIgnore]
    public override double Lowest => Values().Min();

    /// <inheritdoc/>
    [JsonIgnore]
    public override double Highest => Values().Max();

    /// <summary>Equal values at equal steps.</summary>
    public bool Equals(StepwiseSchedule? other) => other is not null && Initial.Equals(other.Initial) && _changes.AsSpan().SequenceEqual(other._changes);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(Initial);
        foreach (var change in _changes) hash.Add(change);
        return hash.ToHashCode();
    }

    internal override void Check(SpecProblems problems, string path)
    {
        problems.Require(double.IsFinite(Initial), $"{path}.initial", Initial, "must be finite");
        long last = 0;
        for (int i = 0; i < _changes.Length; i++)
        {
            string at = $"{path}.changes[{i}]";
            problems.Require(_changes[i] is not null, at, null, "must be given");
            if (_changes[i] is not { } change) continue;
            problems.Require(change.Step > last, $"{at}.step", change.Step, $"must be above the step before ({last})");
            problems.Require(double.IsFinite(change.Value), $"{at}.value", change.Value, "must be finite");
            last = change.Step;
        }
    }

    internal override IEnumerable<int> WholeValues() => Values().Select(Whole).Distinct();

    private protected override double Value(long step)
    {
        int low = 0, high = _changes.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_changes[middle].Step <= step) low = middle + 1;
            else high = middle;
        }

        return low == 0 ? Initial : _changes[low - 1].Value;
    }

    private IEnumerable<double> Values() => _changes.Select(static c => c.Value).Prepend(Initial);
}
