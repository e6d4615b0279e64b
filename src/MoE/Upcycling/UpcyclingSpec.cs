namespace MoE;

/// <summary>How a dense feed-forward block becomes a mixture of experts (sparse upcycling, Komatsuzaki et al. 2023).</summary>
/// <example><code>
/// // Eight copies of each of four shards of a block, 8 of 32 experts per token: starts as the block itself.
/// var spec = new UpcyclingSpec { Width = 1024, Block = new ExpertSpec { Width = 4096 }, Router = RouterProfiles.Mixtral(experts: 32, k: 8), Granularity = 4 };
/// var layer = Upcycling.Convert(spec, dense);
/// using var engine = new ManagedMoEEngine(layer.Spec, layer.Weights);
/// </code></example>
public sealed record UpcyclingSpec
{
    /// <summary>Model width D, positive.</summary>
    public required int Width { get; init; }

    /// <summary>The dense block: form, activation and inner width F.</summary>
    public required ExpertSpec Block { get; init; }

    /// <summary>The router of the new layer: top-k, or all experts.</summary>
    public required RouterSpec Router { get; init; }

    /// <summary>Shards G that the block's inner neurons are cut into, neighbours together; expert e is a copy of shard e mod G, F / G wide. Divides F, E and k. 1: every expert is a copy of the whole block.</summary>
    public int Granularity { get; init; } = 1;

    /// <summary>
    /// The router's rows are drawn for E / G groups of G neighbours, one copy of every shard each, and are the same within a group: a token takes whole groups, hence every shard equally often, and starts as the dense block
    /// ("virtual groups" of He et al. 2024). False: every expert draws its own row, and the start is exact with granularity 1 only.
    /// </summary>
    public bool VirtualGroups { get; init; } = true;

    /// <summary>Where the output's size is kept.</summary>
    public UpcyclingScale Scale { get; init; }

    /// <summary>Standard deviation of the router's rows, not negative; 0 leaves the choice to the tie rule. Sparse upcycling and Megatron-LM: 0.02.</summary>
    public double RouterDeviation { get; init; } = 0.02;

    /// <summary>
    /// Share of the inner neurons that every expert draws anew, each expert others, by normal numbers of the mean and standard deviation of the weights that they replace, matrix by matrix; 0..1. Drop-Upcycling (Nakamura et al.
    /// 2025): 0.5. Above zero the layer does not start as the dense block.
    /// </summary>
    public double ReinitializedShare { get; init; }

    /// <summary>Seed of the router's rows and of drawn neurons.</summary>
    public ulong Seed { get; init; }

    /// <summary>The layer that is made.</summary>
    public MoELayerSpec Layer => new() { Width = Width, Router = Router, Expert = Block with { Width = Granularity > 0 ? Block.Width / Granularity : Block.Width } };

    /// <summary>All problems of this spec; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        problems.RequirePositive(Width, "width");
        problems.Require(Block is not null, "block", Block, "must be given");
        problems.Require(Router is not null, "router", Router, "must be given");
        problems.RequirePositive(Granularity, "granularity");
        problems.RequireDefined(Scale, "scale");
        problems.Require(double.IsFinite(RouterDeviation) && RouterDeviation >= 0, "router_deviation", RouterDeviation, "must be finite and not negative");
        problems.Require(ReinitializedShare >= 0 && ReinitializedShare <= 1, "reinitialized_share", ReinitializedShare, "must be in 0..1");
        Block?.Check(problems, "block");
        Router?.Check(problems, "router.");
        if (problems.Found.Count > 0 || Block is null || Router is null) return problems.Found;
        problems.Require(Router.Schedules is null, "router.schedules", "given", "this takes the router of one step; use RouterSpec.At(step)");
        problems.Require(Block.Width % Granularity == 0, "granularity", Granularity, $"must divide the block's width ({Block.Width})");
        problems.Require(Router.Select is TopKSelection or AllSelection, "router.select", Router.Select.GetType().Name, "must be a top-k or all experts: another rule may take some shards of the block and not others");
        if (Granularity == 1 || !VirtualGroups) return problems.Found;
        problems.Require(Router.Experts % Granularity == 0, "granularity", Granularity, $"must divide experts ({Router.Experts})");
        problems.Require(Router.TopK % Granularity == 0, "granularity", Granularity, $"must divide k ({Router.TopK}): a token takes every shard equally often");
        if (Router.Select is TopKSelection { Groups: { } groups })
            problems.Require(Router.Experts / groups.Count % Granularity == 0, "granularity", Granularity, $"must divide the router's groups ({Router.Experts / groups.Count} experts): a virtual group lies in one of them");
        return problems.Found;
    }
}
