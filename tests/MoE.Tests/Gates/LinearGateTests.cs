namespace MoE.Tests.Gates;

/// <summary>The linear scorer: logits = x W^T + b, masks and replay handed on, bad shapes refused.</summary>
public sealed class LinearGateTests
{
    private static readonly RouterSpec s_top1 = new() { Experts = 2, Select = new TopKSelection { K = 1 } };

    [Fact]
    public void Logits_are_the_product_plus_bias()
    {
        var gate = new LinearGate(s_top1, [1, 2, 3, 4, 5, 6], [0.5f, -0.5f]);
        Assert.Equal(("linear", 2), (gate.Name, gate.ExpertCount));
        Assert.Equal([14.5f, 31.5f, 0.5f, -0.5f], gate.Logits(new GateInput([1, 2, 3, 0, 0, 0], 3)));
    }

    [Fact]
    public void A_selector_is_looked_at_instead_of_the_tokens()
    {
        var gate = new LinearGate(s_top1, [1, 0]);
        // One selector value per token, while the tokens are three wide.
        Assert.Equal([7, 0, -7, 0], gate.Logits(new GateInput(new float[6], 3) { Selector = [7, -7] }));
        Assert.Equal([0, 1], ((TopKRouting)gate.Route(new GateInput(new float[6], 3) { Selector = [7, -7] })).ExpertIds);
    }

    [Fact]
    public void Masks_bias_and_replay_reach_the_router()
    {
        var biased = s_top1 with { Select = new TopKSelection { K = 1, UsesBias = true } };
        var gate = new LinearGate(biased, [1, -1], selectionBias: [0, 9]);
        Assert.Equal([1, 1], Ids(gate.Route(new GateInput([1, 1], 1))));
        Assert.Equal([1, -1], Ids(gate.Route(new GateInput([1, 1], 1) { Padding = [false, true] })));
        Assert.Equal([0, 0], Ids(gate.Route(new GateInput([1, 1], 1) { ClosedExperts = [false, true] })));
        Assert.Equal([1, 0], Ids(gate.Route(new GateInput([1, 1], 1) { GivenExperts = [1, 0] })));
    }

    [Fact]
    public void An_empty_batch_is_routed()
    {
        var gate = new LinearGate(s_top1, [1, -1]);
        Assert.Equal(0, gate.Route(new GateInput([], 1)).TokenCount);
        Assert.Equal(0, gate.Route(default).TokenCount);
    }

    [Fact]
    public void Bad_shapes_are_refused_by_name()
    {
        Refused("weight", "weight has 3 values; must be a positive multiple of experts (2)", static () => _ = new LinearGate(s_top1, new float[3]));
        Refused("weight", "weight has 0 values", static () => _ = new LinearGate(s_top1, []));
        Refused("bias", "bias has 1 values; must have one per expert (2)", static () => _ = new LinearGate(s_top1, new float[2], new float[1]));
        Refused("selectionBias", "selectionBias has 2 values; must have 0 for this spec", static () => _ = new LinearGate(s_top1, new float[2], null, new float[2]));
        Refused("selectionBias", "selectionBias has 0 values; must have 2 for this spec", static () => _ = new LinearGate(s_top1 with { Select = new TopKSelection { K = 1, UsesBias = true } }, new float[2]));
        Assert.Throws<SpecException>(static () => _ = new LinearGate(s_top1 with { Experts = 0 }, new float[2]));
        var gate = new LinearGate(s_top1, new float[4]);
        Refused("input", "the scorer's input has 3 values; must be tokens x width (1 x 2)", () => gate.Route(new GateInput(new float[3], 3)));
        Refused("logits", "logits[0, 0] = NaN", () => gate.Route(new GateInput([float.NaN, 0], 2)));
        Refused("tokens", "tokens has 3 values; must be a multiple of width (2)", static () => _ = new GateInput(new float[3], 2));
        Refused("width", "", static () => _ = new GateInput(new float[3], 0));
    }

    private static int[] Ids(Routing routing) => ((TopKRouting)routing).ExpertIds.ToArray();

    private static void Refused(string parameter, string message, Action call)
    {
        var refused = Assert.ThrowsAny<ArgumentException>(call);
        Assert.Equal(parameter, refused.ParamName);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }
}
