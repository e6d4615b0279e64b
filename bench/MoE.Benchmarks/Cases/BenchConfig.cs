namespace MoE.Benchmarks;

/// <summary>The sizes of a layer, or of a router alone, which has no widths.</summary>
/// <param name="Name">The name in case names and reports.</param>
/// <param name="Experts">E.</param>
/// <param name="Choices">K.</param>
/// <param name="Width">D, or 0 for a router.</param>
/// <param name="ExpertWidth">F, or 0 for a router.</param>
public sealed record BenchConfig(string Name, int Experts, int Choices, int Width = 0, int ExpertWidth = 0)
{
    /// <summary>Few wide experts.</summary>
    public static BenchConfig A { get; } = new("A", 8, 2, 1024, 2048);

    /// <summary>Many narrow experts.</summary>
    public static BenchConfig B { get; } = new("B", 64, 8, 1024, 1024);

    /// <summary>The layers that every size measures.</summary>
    public static IReadOnlyList<BenchConfig> Layers { get; } = [A, B];

    /// <summary>The routers that every size measures.</summary>
    public static IReadOnlyList<BenchConfig> Routers { get; } = [Router(8, 2), Router(64, 8), Router(128, 8), Router(256, 8)];

    /// <summary>Rank of the adapters of a linear layer; 0: no such layer. E is then the number of adapters, K one, D the input's and F the output's width.</summary>
    public int Rank { get; init; }

    /// <summary>A linear layer with adapters.</summary>
    public static BenchConfig Adapters(int width, int adapters, int rank) => new($"D{width}N{adapters}R{rank}", adapters, 1, width, width) { Rank = rank };

    /// <summary>The linear layers with adapters that every size measures.</summary>
    public static IReadOnlyList<BenchConfig> AdapterLayers { get; } = [Adapters(1024, 8, 16), Adapters(1024, 64, 16)];

    /// <summary>One of <see cref="Layers"/>, <see cref="Routers"/> or <see cref="AdapterLayers"/> by its name.</summary>
    public static BenchConfig Named(string name) => Layers.Concat(Routers).Concat(AdapterLayers).Single(c => c.Name == name);

    /// <summary>A router alone.</summary>
    public static BenchConfig Router(int experts, int choices) => new($"E{experts}K{choices}", experts, choices);

    /// <summary>A layer whose two widths are equal, for the sweep over E.</summary>
    public static BenchConfig Square(int width, int experts, int choices) => new($"D{width}F{width}E{experts}K{choices}", experts, choices, width, width);

    /// <summary>Softmax over all experts, top-k, weights divided by their sum.</summary>
    public RouterSpec ToRouterSpec() => new()
    {
        Experts = Experts,
        Select = new TopKSelection { K = Choices },
        Weigh = new WeighSpec { Normalization = WeightNormalization.Sum },
    };

    /// <summary>The router with SwiGLU experts.</summary>
    public MoELayerSpec ToLayerSpec() => new()
    {
        Width = Width,
        Router = ToRouterSpec(),
        Expert = new ExpertSpec { Width = ExpertWidth },
    };

    /// <summary>Bytes of one expert's three matrices in single precision.</summary>
    public long ExpertBytes => 3L * Width * ExpertWidth * sizeof(float);
}
