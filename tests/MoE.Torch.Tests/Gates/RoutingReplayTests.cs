using MoE.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests;

/// <summary>What a torch gate routed, logged and given back, is the same routing.</summary>
[Collection("tensor counts")]
public sealed class RoutingReplayTests
{
    [Theory, MemberData(nameof(Specs.Names), MemberType = typeof(Specs))]
    public void Replay_is_the_identity_on_the_recording_gate(string name)
    {
        var spec = Specs.All[name];
        // A rule for later choices changes what is normalised: its documentation says so.
        if (spec.Select is TopKSelection { Later: not null }) return;
        using var scope = NewDisposeScope();
        var gate = new TopKGate(spec, 5);
        var x = tensor(Specs.Random(9 * 5, 3), 9, 5);
        var context = new GateContext { Noise = new SeededNoise(8), Padding = tensor(Enumerable.Range(0, 9).Select(static t => t == 4).ToArray()) };
        var first = gate.call(x, context);
        var log = Logged(first.Snapshot());
        using var given = RoutingReplay.given_experts(log.Find("a", 7), gate, 9);
        var again = gate.call(x, context with { GivenExperts = given });
        Assert.Equal(first.ExpertIds.data<long>().ToArray(), again.ExpertIds.data<long>().ToArray());
        Assert.Equal(first.Weights.data<float>().ToArray(), again.Weights.data<float>().ToArray());
        Assert.Equal(first.Kept!.data<bool>().ToArray(), again.Kept!.data<bool>().ToArray());
    }

    [Fact]
    public void A_log_of_the_torch_engine_replays_on_the_managed_one()
    {
        using var scope = NewDisposeScope();
        var gate = new TopKGate(Specs.TopK(8, 2), 4);
        float[] x = Specs.Random(6 * 4, 5);
        var routing = gate.call(tensor(x, 6, 4), GateContext.Empty).Snapshot();
        // Another router: the experts are the log's all the same.
        var managed = new ReplayGate(new LinearGate(gate.Spec, Specs.Random(8 * 4, 6)), Logged(routing), "a");
        Assert.Equal(routing.ExpertIds.ToArray(), ((TopKRouting)managed.Route(new GateInput(x, 4) { Step = 7 })).ExpertIds.ToArray());
    }

    [Fact]
    public void Another_shape_is_refused_by_its_values_and_no_tensor_is_left()
    {
        using var gate = new TopKGate(Specs.TopK(8, 2), 4);
        var record = new RoutingRecord("a", 7, new TopKRouting(1, 8, 3, [0, 1, 2], new float[3]), true, []);
        long before = Tensor.TotalCount;
        Assert.Equal("the record of layer \"a\" at step 7 has T = 1, E = 8, K = 3; the live layer has T = 1, E = 8, K = 2", Assert.Throws<ArgumentException>(() => RoutingReplay.given_experts(record, gate, 1)).Message);
        RoutingReplay.given_experts(record with { Routing = new TopKRouting(1, 8, 2, [0, 1], new float[2]) }, gate, 1).Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static RoutingLog Logged(Routing routing)
    {
        var stream = new MemoryStream();
        using (var log = new RoutingLogWriter(stream, leaveOpen: true)) log.Append("a", 7, routing);
        stream.Position = 0;
        return RoutingLog.Read(stream);
    }
}
