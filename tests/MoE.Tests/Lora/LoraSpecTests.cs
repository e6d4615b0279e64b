namespace MoE.Tests.Lora;

public sealed class LoraSpecTests
{
    [Fact]
    public void Parameter_counts_are_those_of_the_papers()
    {
        // SteloCoder: StarCoder's 40 layers, width 6144, rank 4 on c_attn, c_proj and the second MLP matrix: 8.89 M per expert.
        var four = new LoraSpec { Rank = 4, Alpha = 32 };
        long layer = four.ParameterCount(6144, 6400) + four.ParameterCount(6144, 6144) + four.ParameterCount(24576, 6144);
        Assert.Equal(222_208, layer);
        Assert.Equal(8_888_320, 40 * layer);
        Assert.Equal(8, four.Scale);
        // X-LoRA: one linear layer from 4096 to 9 adapters.
        Assert.Equal(36_873, new XLoraSpec { Hidden = 4096, Adapters = 9, Layers = 32 }.ParameterCount());
        Assert.Equal(4096L * 9 * 32 + 9 * 32, new XLoraSpec { Hidden = 4096, Adapters = 9, Layers = 32, LayerWise = true }.ParameterCount());
        Assert.Equal(4096L * 2048 + 2048 + 2048L * 2048 + 2048 + 2048 * 9 + 9, new XLoraSpec { Hidden = 4096, Adapters = 9, Layers = 32, Depth = 3 }.ParameterCount());
    }

    [Fact]
    public void The_rank_stabilised_scale_divides_by_the_root()
    {
        Assert.Equal(4, new LoraSpec { Rank = 16, Alpha = 16, RankStabilized = true }.Scale);
        Assert.Equal(1, new LoraSpec { Rank = 16, Alpha = 16 }.Scale);
    }

    [Fact]
    public void All_problems_are_named_at_once()
    {
        var problems = Assert.Throws<SpecException>(() => new LoraSpec { Rank = 0, Alpha = double.NaN, Dropout = 1 }.Checked()).Problems;
        Assert.Equal(["rank", "alpha", "dropout"], problems.Select(static p => p.Name));
        var more = Assert.Throws<SpecException>(() => new XLoraSpec { Hidden = 0, Adapters = 2, Layers = 0, TopK = 3, Temperature = 0, SoftmaxAcrossTokens = true }.Checked()).Problems;
        Assert.Equal(["hidden", "layers", "temperature", "top_k", "softmax_across_tokens"], more.Select(static p => p.Name));
    }
}
