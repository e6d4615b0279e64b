using CsCheck;
using MoE.Diagnostics;
using MoE.Tests.Specs;

namespace MoE.Tests.Diagnostics;

/// <summary>Recorded and replayed is the same routing, bit for bit; what does not fit is refused by its values.</summary>
public sealed class ReplayGateTests
{
    private static readonly LinearGate s_gate = new(RouterProfiles.Olmoe(4, 2), Draw.Normal(4 * 3, 1));

    [Fact]
    public void Replay_is_the_identity_on_the_recording_router() => Gen.Select(RandomSpecs.Router, Gen.Int[0, 7], Draw.Seed).Sample(static (spec, tokens, seed) =>
    {
        var gate = new LinearGate(spec, Draw.Normal(spec.Experts * 3, seed), null, spec.UsesSelectionBias ? Draw.Normal(spec.Experts, seed + 1) : null);
        float[] x = Draw.Normal(tokens * 3, seed + 2);
        bool[] padding = [.. Enumerable.Range(0, tokens).Select(t => (t + seed) % 4 == 0)];
        var first = (TopKRouting)gate.Route(new GateInput(x, 3) { Padding = padding });
        var stream = new MemoryStream();
        using (var log = new RoutingLogWriter(stream, weights: false, leaveOpen: true)) log.Append("a", 6, first);
        stream.Position = 0;
        var again = (TopKRouting)new ReplayGate(gate, RoutingLog.Read(stream), "a").Route(new GateInput(x, 3) { Padding = padding, Step = 6 });
        Assert.Equal(first.ExpertIds.ToArray(), again.ExpertIds.ToArray());
        Assert.Equal(first.Weights.ToArray(), again.Weights.ToArray());
        Assert.Equal(first.Plan.Permutation.ToArray(), again.Plan.Permutation.ToArray());
        Assert.Equal(first.Plan.Positions.ToArray(), again.Plan.Positions.ToArray());
    }, iter: 500);

    [Fact]
    public void Experts_are_forced_and_weights_are_live()
    {
        var gate = new ReplayGate(s_gate, Log(new TopKRouting(1, 4, 2, [3, 1], [9, 9])), "a");
        float[] x = [0.5f, -1, 2];
        var routing = (TopKRouting)gate.Route(new GateInput(x, 3) { Step = 2 });
        var live = ReferenceRouter.Route(s_gate.Logits(new GateInput(x, 3)), s_gate.Spec, new RouteOptions { GivenExperts = [3, 1] });
        Assert.Equal([3, 1], routing.ExpertIds.ToArray());
        Assert.Equal(live.Weights.ToArray(), routing.Weights.ToArray());
        Assert.Equal(("replay of linear", 4), (gate.Name, gate.ExpertCount));
    }

    [Fact]
    public void A_ragged_record_fills_up_with_none()
    {
        var record = new RoutingRecord("a", 2, new RaggedRouting(4, [0, 0, 2, 3], [2, 0, 1], new float[3]), true, []);
        Assert.Equal([-1, -1, 2, 0, 1, -1], record.GivenExperts(3, 4, 2));
        Assert.Contains("has T = 3, E = 4, K <= 2; the live layer has T = 3, E = 4, K = 1", Assert.Throws<ArgumentException>(() => record.GivenExperts(3, 4, 1)).Message, StringComparison.Ordinal);
        var routing = (TopKRouting)new ReplayGate(s_gate, new RoutingLog([record]), "a").Route(new GateInput(new float[9], 3) { Step = 2 });
        Assert.Equal([-1, -1, 2, 0, 1, -1], routing.ExpertIds.ToArray());
    }

    [Theory]
    [InlineData(2, 4, 2, "has T = 2, E = 4, K = 2; the live layer has T = 1, E = 4, K = 2")]
    [InlineData(1, 5, 2, "has T = 1, E = 5, K = 2; the live layer has T = 1, E = 4, K = 2")]
    [InlineData(1, 4, 1, "has T = 1, E = 4, K = 1; the live layer has T = 1, E = 4, K = 2")]
    [InlineData(1, 4, 3, "has T = 1, E = 4, K = 3; the live layer has T = 1, E = 4, K = 2")]
    public void A_log_of_another_shape_is_refused(int tokens, int experts, int k, string message)
    {
        var gate = new ReplayGate(s_gate, Log(new TopKRouting(tokens, experts, k, new int[tokens * k], new float[tokens * k])), "a");
        Assert.Equal("the record of layer \"a\" at step 2 " + message, Assert.Throws<ArgumentException>(() => gate.Route(new GateInput(new float[3], 3) { Step = 2 })).Message);
    }

    [Fact]
    public void Other_refusals_say_what_is_missing()
    {
        var dense = Log(new DenseRouting(1, 4, 1, new float[4]));
        Assert.Contains("is a Dense routing, which chooses no experts", Assert.Throws<ArgumentException>(() => new ReplayGate(s_gate, dense, "a").Route(new GateInput(new float[3], 3) { Step = 2 })).Message, StringComparison.Ordinal);
        Assert.Contains("holds 0 records of layer \"a\" at step 0", Assert.Throws<ArgumentException>(() => new ReplayGate(s_gate, dense, "a").Route(new GateInput(new float[3], 3))).Message, StringComparison.Ordinal);
        Assert.Contains("layer = \"b\": the log holds \"a\"", Assert.Throws<ArgumentException>(() => new ReplayGate(s_gate, dense, "b")).Message, StringComparison.Ordinal);
        var deaf = new ReplayGate(new DeafGate(), Log(new TopKRouting(1, 4, 1, [2], [1])), "a");
        Assert.Contains("gate deaf did not take the experts of the record of layer \"a\" at step 2", Assert.Throws<InvalidOperationException>(() => deaf.Route(new GateInput(new float[3], 3) { Step = 2 })).Message, StringComparison.Ordinal);
    }

    private static RoutingLog Log(Routing routing) => new([new RoutingRecord("a", 2, routing, true, [])]);

    private sealed class DeafGate : IGate
    {
        public string Name => "deaf";

        public int ExpertCount => 4;

        public Routing Route(in GateInput input) => new TopKRouting(input.TokenCount, 4, 1, new int[input.TokenCount], new float[input.TokenCount]);
    }
}
