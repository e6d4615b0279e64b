namespace MoE.Tests.Profiles;

/// <summary>The layer profiles: what each model puts around its router.</summary>
public sealed class LayerProfilesTests
{
    public static TheoryData<string> Names => [.. AllProfiles.Layers.Keys];

    [Theory, MemberData(nameof(Names))]
    public void A_profile_is_valid_and_its_json_comes_back_equal(string name)
    {
        var spec = AllProfiles.Layers[name];
        Assert.Empty(spec.Validate());
        Assert.Equal(spec, MoELayerSpec.FromJson(spec.ToJson()));
    }

    [Fact]
    public void No_profile_is_forgotten_here()
    {
        var functions = typeof(LayerProfiles).GetMethods().Where(static m => m.IsStatic).Select(static m => m.Name);
        Assert.Empty(functions.Except(AllProfiles.Layers.Keys.Select(static k => k.Split(' ')[0])));
    }

    [Fact]
    public void Routers_are_those_of_the_router_profiles()
    {
        Assert.Equal(RouterProfiles.Mixtral(8), LayerProfiles.Mixtral(4, 4).Router);
        Assert.Equal(RouterProfiles.Olmoe(8, 2), LayerProfiles.Olmoe(4, 4, 8, 2).Router);
        Assert.Equal(RouterProfiles.Qwen2Moe(8, 2), LayerProfiles.Qwen2Moe(4, 4, 4, 8, 2).Router);
        Assert.Equal(RouterProfiles.Qwen3Moe(8, 2), LayerProfiles.Qwen3Moe(4, 4, 8, 2).Router);
        Assert.Equal(RouterProfiles.DeepSeekV2(8, 2, 4, 2, 16), LayerProfiles.DeepSeekV2(4, 4, 8, 2, 4, 2, 16).Router);
        Assert.Equal(RouterProfiles.DeepSeekV3(8, 2, 4, 2, 2.5), LayerProfiles.DeepSeekV3(4, 4, 8, 2, 4, 2, 2.5).Router);
        Assert.Equal(RouterProfiles.GptOss(8, 2), LayerProfiles.GptOss(4, 4, 8, 2).Router);
        Assert.Equal(RouterProfiles.Llama4(8), LayerProfiles.Llama4(4, 4, 8).Router);
    }

    [Fact]
    public void GptOss_has_biases_everywhere_and_a_clamped_unit()
    {
        var spec = LayerProfiles.GptOss(2880, 2880, 32);
        Assert.True(spec.RouterBias);
        Assert.Null(spec.Shared);
        Assert.Equal(new ExpertSpec { Width = 2880, Biases = true, Layout = GluLayout.Interleaved, Alpha = 1.702, Limit = 7, UpOffset = 1 }, spec.Expert);
    }

    [Fact]
    public void Llama4_weighs_the_input_and_has_a_plain_shared_expert()
    {
        var spec = LayerProfiles.Llama4(5120, 8192, 16);
        Assert.Equal(WeightedSide.Input, spec.Weighted);
        Assert.Equal(new SharedExpertSpec { Width = 8192 }, spec.Shared);
    }

    [Fact]
    public void Qwen2_gates_its_shared_expert() =>
        Assert.Equal(new SharedExpertSpec { Width = 5632, SigmoidGate = true }, LayerProfiles.Qwen2Moe(2048, 1408, 5632, 60, 4).Shared);

    [Fact]
    public void Shared_experts_are_one_of_their_total_width()
    {
        Assert.Equal(new SharedExpertSpec { Width = 2816 }, LayerProfiles.DeepSeekV2(2048, 1408, 64, 6, 1, 1, 1).Shared);
        Assert.Equal(new SharedExpertSpec { Width = 2048 }, LayerProfiles.DeepSeekV3(7168, 2048, 256, 8, 8, 4, 2.5).Shared);
        Assert.Null(LayerProfiles.DeepSeekV3(7168, 2048, 256, 8, 8, 4, 2.5, sharedExperts: 0).Shared);
    }

    [Fact]
    public void Problems_of_router_and_layer_are_reported_at_once()
    {
        string[] Problems(Func<MoELayerSpec> make) => [.. Assert.Throws<SpecException>(make).Problems.Select(static p => p.Name)];
        Assert.Equal(["width", "router.select.k", "expert.width"], Problems(static () => LayerProfiles.Mixtral(0, -1, 8, 9)));
        Assert.Equal(["width", "router.select.k", "expert.width", "shared.width"], Problems(static () => LayerProfiles.Qwen2Moe(0, 0, 0, 8, 0)));
        Assert.Equal(["sharedExperts", "width", "expert.width"], Problems(static () => LayerProfiles.DeepSeekV3(0, 0, 256, 8, 8, 4, 2.5, -1)));
        Assert.Equal(["sharedExperts"], Problems(static () => LayerProfiles.DeepSeekV2(4, 1 << 30, 8, 2, 1, 1, 1, 4)));
        Assert.Equal(["expert.alpha", "expert.limit"], Problems(static () => LayerProfiles.GptOss(4, 4, 8, 2, limit: -7, alpha: double.NaN)));
    }
}
