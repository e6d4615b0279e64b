using MoE.Diagnostics;

namespace MoE.Onnx.Tests;

public class OnnxGateTests
{
    private static OnnxGate Gate(LayerCase layer, OnnxEngineOptions? options = null) =>
        OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(layer.Spec.Router, layer.Weights)), options);

    [Fact]
    public void A_gate_from_a_file_drives_another_engine()
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerCase.Layer());
        OnnxRouterWriter.Write(layer.Spec.Router, layer.Weights, folder["router.onnx"]);
        Assert.Equal(["router.onnx"], folder.Files);
        using var gate = OnnxGate.Load(folder["router.onnx"]);
        Assert.Equal(("onnx", 5, 7), (gate.Name, gate.ExpertCount, gate.Width));
        Assert.Equal(layer.Spec.Router, gate.Spec);
        using var own = new ReferenceLayer(layer.Spec, layer.Weights);
        using var driven = new ReferenceLayer(layer.Spec, layer.Weights, gate);
        float[] x = layer.Tokens(19), a = new float[x.Length], b = new float[x.Length];
        own.Forward(x, a);
        driven.Forward(x, b);
        LayerCase.OutputsAreClose(a, b);
    }

    [Fact]
    public void Padded_tokens_go_to_no_expert()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var gate = Gate(layer);
        var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        var input = new GateInput(layer.Tokens(4), 7) { Padding = [false, true, false, true] };
        LayerCase.RoutingsAreEqual((TopKRouting)reference.Route(input), (TopKRouting)gate.Route(input));
    }

    [Fact]
    public void The_selector_is_what_is_scored()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var gate = Gate(layer);
        float[] selector = layer.Tokens(3, seed: 77);
        var routing = (TopKRouting)gate.Route(new GateInput(new float[3 * 2], 2) { Selector = selector });
        LayerCase.RoutingsAreEqual((TopKRouting)gate.Route(new GateInput(selector, 7)), routing);
    }

    [Fact]
    public void A_log_of_served_routings_replays_on_the_managed_engine()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var gate = Gate(layer);
        float[] x = layer.Tokens(6);
        var served = (TopKRouting)gate.Route(new GateInput(x, 7));
        var stream = new MemoryStream();
        using (var writer = new RoutingLogWriter(stream, leaveOpen: true)) writer.Append("a", 3, served);
        stream.Position = 0;
        var log = RoutingLog.Read(stream);
        // Other weights than the served router's: the experts are the log's all the same.
        var live = new LinearGate(layer.Spec.Router, layer.Tokens(5, seed: 9));
        var replayed = (TopKRouting)new ReplayGate(live, log, "a").Route(new GateInput(x, 7) { Step = 3 });
        Assert.Equal(served.ExpertIds.ToArray(), replayed.ExpertIds.ToArray());
        Assert.NotEqual(((TopKRouting)live.Route(new GateInput(x, 7))).ExpertIds.ToArray(), replayed.ExpertIds.ToArray());
        Assert.Contains("a written graph cannot replay", Assert.Throws<ArgumentException>(() => new ReplayGate(gate, log, "a").Route(new GateInput(x, 7) { Step = 3 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_written_graph_does_not_know_is_refused_by_name()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var gate = Gate(layer);
        Assert.Contains("closedExperts", Throws(g => g.Route(new GateInput(new float[7], 7) { ClosedExperts = new bool[5] })).Message, StringComparison.Ordinal);
        Assert.Contains("givenExperts", Throws(g => g.Route(new GateInput(new float[7], 7) { GivenExperts = new int[2] })).Message, StringComparison.Ordinal);
        Assert.Contains("padding", Throws(g => g.Route(new GateInput(new float[7], 7) { Padding = new bool[2] })).Message, StringComparison.Ordinal);
        Assert.Contains("width 7", Throws(g => g.Route(new GateInput(new float[42], 6))).Message, StringComparison.Ordinal);
        Assert.Contains("multiple of width", Throws(g => g.Route(new GateInput(new float[6], 6))).Message, StringComparison.Ordinal);
        Assert.Contains("tokens[0, 6] = NaN", Throws(g => g.Route(new GateInput([0, 0, 0, 0, 0, 0, float.NaN], 7))).Message, StringComparison.Ordinal);

        ArgumentException Throws(Action<OnnxGate> call) => Assert.Throws<ArgumentException>(() => call(gate));
    }

    [Fact]
    public void No_tokens_and_disposal()
    {
        var gate = Gate(new LayerCase(LayerCase.Layer()));
        Assert.Equal(0, gate.Route(new GateInput([], 7)).TokenCount);
        gate.Dispose();
        gate.Dispose();
        Assert.Throws<ObjectDisposedException>(() => gate.Route(new GateInput([], 7)));
    }
}
