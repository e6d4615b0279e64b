namespace MoE.Torch.Tests;

/// <summary>Router specs that together use every value of every axis.</summary>
internal static class Specs
{
    public static IReadOnlyDictionary<string, RouterSpec> All { get; } = new Dictionary<string, RouterSpec>
    {
        ["softmax"] = TopK(8, 2),
        ["softmax-sum"] = TopK(8, 2) with { Weigh = new() { Normalization = WeightNormalization.Sum } },
        ["softmax-after"] = TopK(8, 3) with { Score = new() { Stage = ScoreStage.AfterSelection } },
        ["softmax-temperature"] = TopK(8, 2) with { Score = new() { Temperature = 0.5 } },
        ["softmax-pnorm"] = TopK(8, 3) with { Weigh = new() { Normalization = WeightNormalization.PNorm, P = 2 } },
        ["softmax-floor"] = TopK(8, 2) with { Weigh = new() { Normalization = WeightNormalization.Sum, Epsilon = 0.5, EpsilonRule = EpsilonRule.Floor } },
        ["sigmoid-sum-scale"] = TopK(8, 2) with { Score = new() { Function = ScoreFunction.Sigmoid }, Weigh = new() { Normalization = WeightNormalization.Sum, Epsilon = 1e-20, Scale = 2.5 } },
        ["sigmoid-after"] = TopK(8, 2) with { Score = new() { Function = ScoreFunction.Sigmoid, Stage = ScoreStage.AfterSelection } },
        ["sigmoid-single"] = TopK(8, 1) with { Score = new() { Function = ScoreFunction.Sigmoid }, Weigh = new() { Normalization = WeightNormalization.Sum, NormalizeSingle = false } },
        ["sqrtsoftplus-bias"] = TopK(8, 2, bias: true) with { Score = new() { Function = ScoreFunction.SqrtSoftplus } },
        ["groups-max"] = TopK(12, 3, new GroupLimit { Count = 4, Keep = 2, Score = GroupScore.Max }),
        ["groups-two-bias"] = TopK(16, 4, new GroupLimit { Count = 4, Keep = 2 }, bias: true) with { Score = new() { Function = ScoreFunction.Sigmoid } },
        ["groups-zero"] = TopK(16, 4, new GroupLimit { Count = 4, Keep = 2, Mask = GroupMask.Zero }, bias: true) with { Score = new() { Function = ScoreFunction.Sigmoid } },
        ["groups-share"] = TopK(16, 4, new GroupLimit { Count = 4, Keep = 2, Score = GroupScore.SumOfTopShare }) with { Score = new() { Stage = ScoreStage.AfterSelection } },
        ["highest-index"] = TopK(8, 2) with { Ties = TieRule.HighestIndex },
        ["all"] = new RouterSpec { Experts = 5, Select = new AllSelection() },
        ["capacity"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.75 } } },
        ["capacity-kept-offset"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, Offset = ChoiceOffset.KeptEarlierChoices } },
        ["capacity-token-major"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, Arrival = ArrivalOrder.TokenMajor } },
        ["capacity-heaviest"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, Drop = DropPolicy.HeaviestWeight } },
        ["capacity-renormalize"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, RenormalizeAfterDrop = true } },
        ["capacity-zero"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Fixed = 0 } } },
    };

    public static TheoryData<string> Names => [.. All.Keys];

    public static RouterSpec TopK(int experts, int k, GroupLimit? groups = null, bool bias = false) =>
        new RouterSpec { Experts = experts, Select = new TopKSelection { K = k, Groups = groups, UsesBias = bias } };

    public static float[] Random(int count, ulong seed, float scale = 1)
    {
        var values = new float[count];
        new SeededNoise(seed).Fill("test", 0, NoiseKind.Normal, values);
        for (int i = 0; i < count; i++) values[i] *= scale;
        return values;
    }

    public static WeightDictionary Weights(MoELayerSpec spec, ulong seed, float scale = 0.5f)
    {
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec))
            weights.Add(name, Random(shape.Aggregate(1, static (a, b) => a * b), seed++, scale), shape);
        return weights;
    }
}
