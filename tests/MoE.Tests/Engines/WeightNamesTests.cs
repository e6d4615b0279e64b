namespace MoE.Tests.Engines;

/// <summary>The names and shapes that each form of layer needs, written out.</summary>
public sealed class WeightNamesTests
{
    [Fact]
    public void A_plain_layer_needs_router_and_projections() => Assert.Equal(
        ["router.weight [8, 4]", "experts.gate [8, 6, 4]", "experts.up [8, 6, 4]", "experts.down [8, 4, 6]"],
        Names(LayerProfiles.Mixtral(4, 6)));

    [Fact]
    public void Biases_are_on_all_projections_and_the_scorer() => Assert.Equal(
        [
            "router.weight [8, 4]", "router.bias [8]", "experts.gate [8, 6, 4]", "experts.up [8, 6, 4]", "experts.down [8, 4, 6]",
            "experts.gate_bias [8, 6]", "experts.up_bias [8, 6]", "experts.down_bias [8, 4]",
        ],
        Names(LayerProfiles.GptOss(4, 6, 8)));

    [Fact]
    public void The_selection_bias_and_a_shared_expert_come_with_their_specs() => Assert.Equal(
        [
            "router.weight [8, 4]", "router.selection_bias [8]", "experts.gate [8, 6, 4]", "experts.up [8, 6, 4]", "experts.down [8, 4, 6]",
            "shared.gate [12, 4]", "shared.up [12, 4]", "shared.down [4, 12]",
        ],
        Names(LayerProfiles.DeepSeekV3(4, 6, 8, 2, 4, 2, 2.5, sharedExperts: 2)));

    [Fact]
    public void A_gated_shared_expert_has_one_more_row() =>
        Assert.Equal(["shared.gate [9, 4]", "shared.up [9, 4]", "shared.down [4, 9]", "shared_gate.weight [1, 4]"], Names(LayerProfiles.Qwen2Moe(4, 6, 9, 8, 2))[4..]);

    [Fact]
    public void A_feed_forward_expert_has_no_gate() => Assert.Equal(
        ["router.weight [8, 4]", "experts.up [8, 6, 4]", "experts.down [8, 4, 6]", "experts.up_bias [8, 6]", "experts.down_bias [8, 4]", "shared.up [3, 4]", "shared.down [4, 3]", "shared.up_bias [3]", "shared.down_bias [4]"],
        Names(LayerProfiles.Mixtral(4, 6) with { Expert = new ExpertSpec { Form = ExpertForm.FeedForward, Width = 6, Biases = true }, Shared = new SharedExpertSpec { Width = 3 } }));

    [Fact]
    public void A_bad_layer_has_no_names() => Assert.Throws<SpecException>(static () => WeightNames.Of(LayerProfiles.Mixtral(4, 6) with { Width = 0 }));

    private static string[] Names(MoELayerSpec spec) => [.. WeightNames.Of(spec).Select(static n => $"{n.Name} [{string.Join(", ", n.Shape)}]")];
}
