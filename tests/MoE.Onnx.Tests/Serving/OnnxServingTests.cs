using MoE.Diagnostics;

namespace MoE.Onnx.Tests;

/// <summary>A served layer under many callers, and its routing in the tools that read routings.</summary>
public class OnnxServingTests
{
    public static TheoryData<OnnxLayerForm> Forms => [.. Enum.GetValues<OnnxLayerForm>()];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Many_threads_with_batches_of_any_size(OnnxLayerForm form)
    {
        var layer = new LayerCase(LayerProfiles.Mixtral(32, 32, 8, 2));
        using var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, form, new OnnxEngineOptions { IntraOpThreads = 2, Spinning = false }, new OnnxLayerOptions { Format = WeightFormat.Int8PerRow });
        int[] sizes = [0, 1, 2, 7, 33];
        var cases = sizes.Select(n =>
        {
            float[] x = layer.Tokens(n, seed: n), y = new float[x.Length];
            served.Forward(x, y);
            return (x, y);
        }).ToArray();
        // Threads of their own, so that all call at once whatever the pool thinks of it.
        int failures = 0;
        var threads = Enumerable.Range(0, 24).Select(id => new Thread(() =>
        {
            var random = new Random(id);
            for (int i = 0; i < 40; i++)
            {
                var (x, expected) = cases[random.Next(cases.Length)];
                var y = new float[x.Length];
                if (i % 3 == 0) served.ForwardAndRoute(x, y);
                else served.Forward(x, y);
                // One session, one way of adding: what other callers do changes no bit.
                if (!expected.AsSpan().SequenceEqual(y)) Interlocked.Increment(ref failures);
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(0, failures);
    }

    [Fact]
    public void Disposed_of_under_running_calls_it_closes_behind_the_last()
    {
        var layer = new LayerCase(LayerProfiles.Mixtral(32, 48, 8, 2));
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        float[] x = layer.Tokens(16), expected = new float[x.Length];
        reference.Forward(x, expected);
        for (int round = 0; round < 6; round++)
        {
            var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, OnnxLayerForm.Contrib);
            int refused = 0, wrong = 0, served_ = 0;
            var threads = Enumerable.Range(0, 8).Select(_ => new Thread(() =>
            {
                var y = new float[x.Length];
                try
                {
                    while (true)
                    {
                        served.Forward(x, y);
                        Interlocked.Increment(ref served_);
                        for (int i = 0; i < y.Length; i++)
                            if (!(Math.Abs(y[i] - expected[i]) <= 1e-5 + (1e-4 * Math.Abs(expected[i])))) Interlocked.Increment(ref wrong);
                    }
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                }
            })).ToArray();
            foreach (var thread in threads) thread.Start();
            SpinWait.SpinUntil(() => Volatile.Read(ref served_) > 20);
            served.Dispose();
            served.Dispose();
            foreach (var thread in threads) thread.Join();
            Assert.Equal((8, 0), (refused, wrong));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Its_routing_is_counted_logged_and_replayed_like_any_other(OnnxLayerForm form)
    {
        var layer = new LayerCase(LayerProfiles.DeepSeekV3(32, 32, 16, 4, 4, 2, 2.5));
        using var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, form, null, new OnnxLayerOptions { Format = WeightFormat.Int8PerRow });
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        float[] x = layer.Tokens(40), y = new float[x.Length], expected = new float[x.Length];
        var routing = served.ForwardAndRoute(x, y);
        var known = reference.Route(x);
        Assert.Equal(known.Load(), routing.Load());
        Assert.Equal(RoutingStatistics.DeadExperts(known), RoutingStatistics.DeadExperts(routing));
        Assert.Equal(RoutingStatistics.CoActivation(known), RoutingStatistics.CoActivation(routing));

        using var folder = new TestFolder();
        using (var writer = RoutingLogWriter.Create(folder["served.moelog"]))
        {
            writer.Append("layer", 0, routing);
            writer.Complete();
        }

        var log = RoutingLog.Read(folder["served.moelog"]);
        Assert.Null(log.Problem);
        // Replayed in another engine, the served routing gives that engine's output of its own.
        using var replayed = new ReferenceLayer(layer.Spec, layer.Weights, new ReplayGate(Gate(layer), log, "layer"));
        replayed.Forward(x, y);
        reference.Forward(x, expected);
        LayerCase.OutputsAreClose(expected, y);
    }

    private static LinearGate Gate(LayerCase layer)
    {
        float[] Values(string name) => layer.Weights.TryGet(name, out var tensor) ? tensor.ToSingles() : [];
        return new LinearGate(layer.Spec.Router, Values(WeightNames.Router), null, Values(WeightNames.SelectionBias));
    }
}
