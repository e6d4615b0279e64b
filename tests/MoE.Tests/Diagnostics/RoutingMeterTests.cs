using System.Diagnostics.Metrics;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>What a listener sees.</summary>
public sealed class RoutingMeterTests : IDisposable
{
    private readonly RoutingMeter _meter;
    private readonly MeterFactory _factory = new();
    private readonly List<(string Name, double Value, string Tags)> _seen = [];

    public RoutingMeterTests() => _meter = new RoutingMeter(_factory);

    public void Dispose()
    {
        _meter.Dispose();
        _factory.Dispose();
    }

    [Fact]
    public void Every_instrument_measures_with_the_layer_as_its_tag()
    {
        using var listener = Listen("");
        var plan = ExpertPlan.Build([0, 0, 1, -1], new float[4], 1, 3, new DispatchSpec { Capacity = new CapacitySpec { Fixed = 1 } });
        var routing = new TopKRouting(4, 3, 1, [0, 0, 1, -1], new float[4], plan);
        _meter.Record("mid", routing, [3, 1, 2, 5, 5, 5, 0, 1, 0.5f, 9, 9, 9]);
        Assert.Equal(
            [
                ("moe.router.margin", 1, "layer=mid"),
                ("moe.router.margin", 0, "layer=mid"),
                ("moe.router.margin", 0.5, "layer=mid"),
                ("moe.router.tokens", 3, "layer=mid"),
                ("moe.router.dropped", 1, "layer=mid"),
                ("moe.router.routes", 2, "layer=mid expert=0"),
                ("moe.router.routes", 1, "layer=mid expert=1"),
                ("moe.router.max_violation", 1, "layer=mid"),
                ("moe.router.load_variation", Math.Sqrt(2.0 / 3), "layer=mid"),
                ("moe.router.load_entropy", Math.Log(3) - 2.0 / 3 * Math.Log(2), "layer=mid"),
                ("moe.router.dead_experts", 1, "layer=mid"),
            ],
            _seen.Select(static s => (s.Name, Math.Round(s.Value, 12), s.Tags)).ToArray(),
            static (a, b) => a.Item1 == b.Item1 && a.Item3 == b.Item3 && Math.Abs(a.Item2 - b.Item2) < 1e-9);
    }

    [Fact]
    public void Only_what_is_listened_to_is_recorded()
    {
        using var listener = Listen("moe.router.dead_experts");
        _meter.Record("a", new DenseRouting(1, 3, 1, [0, 2, 0]));
        Assert.Equal([("moe.router.dead_experts", 2.0, "layer=a")], _seen);
    }

    [Fact]
    public void Nothing_routed_has_no_balance()
    {
        using var listener = Listen("");
        _meter.Record("a", new TopKRouting(0, 3, 1, [], []));
        Assert.Equal([("moe.router.tokens", 0.0, "layer=a"), ("moe.router.dropped", 0.0, "layer=a")], _seen);
    }

    [Fact]
    public void Scores_of_another_shape_are_refused_before_anything_is_recorded()
    {
        using var listener = Listen("");
        Assert.Throws<ArgumentException>("selectionScores", () => _meter.Record("a", new TopKRouting(1, 3, 1, [0], [1]), [1, 2]));
        Assert.Empty(_seen);
    }

    [Fact]
    public void Without_a_factory_the_meter_is_its_own_and_ends_with_it()
    {
        var names = new List<string>();
        var ended = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            // Other tests publish meanwhile.
            if (instrument.Meter.Name != RoutingMeter.MeterName || instrument.Meter.Scope is not null) return;
            names.Add(instrument.Name);
            l.EnableMeasurementEvents(instrument);
        };
        listener.MeasurementsCompleted = (instrument, _) => ended.Add(instrument.Name);
        listener.Start();
        var own = new RoutingMeter();
        Assert.Equal(8, names.Count);
        own.Dispose();
        Assert.Equal(names.Order(), ended.Order());
    }

    private MeterListener Listen(string only)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Scope == _factory && instrument.Name.StartsWith(only, StringComparison.Ordinal)) l.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => See(i, v, tags));
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => See(i, v, tags));
        listener.SetMeasurementEventCallback<int>((i, v, tags, _) => See(i, v, tags));
        listener.Start();
        return listener;
    }

    private void See(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var words = new List<string>();
        foreach (var (key, tag) in tags) words.Add($"{key}={tag}");
        _seen.Add((instrument.Name, value, string.Join(' ', words)));
    }

    private sealed class MeterFactory : IMeterFactory
    {
        private readonly List<Meter> _made = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options.Name, options.Version, options.Tags, scope: this);
            _made.Add(meter);
            return meter;
        }

        public void Dispose() => _made.ForEach(static m => m.Dispose());
    }
}
