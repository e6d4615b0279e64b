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
        ["noise-scores"] = TopK(8, 2) with { Noise = new() { Scale = 0.7, PerExpert = true } },
        ["noise-added-uniform"] = TopK(8, 1) with { Noise = new() { Kind = NoiseKind.Uniform, Scale = 0.1, Shift = 1 } },
        ["noise-multiplied"] = TopK(8, 2) with { Noise = new() { Kind = NoiseKind.Uniform, Scale = 0.5, Shift = 1, Multiplies = true }, Score = new() { Temperature = 2 } },
        ["noise-choice"] = TopK(8, 3) with { Noise = new() { Kind = NoiseKind.Gumbel, Use = NoiseUse.Choice } },
        ["noise-later"] = TopK(8, 3) with { Noise = new() { Kind = NoiseKind.Gumbel, Use = NoiseUse.LaterChoices } },
        ["noise-later-single"] = TopK(8, 1) with { Noise = new() { Kind = NoiseKind.Gumbel, Use = NoiseUse.LaterChoices } },
        ["later-none"] = Top(8, 3, new() { Rule = LaterRule.None }),
        ["later-threshold"] = Top(8, 3, new() { Rule = LaterRule.Threshold, Thresholds = [0.2, 0.1] }) with { Weigh = new() { Normalization = WeightNormalization.Sum } },
        ["later-random"] = Top(8, 2, new() { Threshold = 0.5, Value = LaterValue.Score }) with { Dispatch = new() { Capacity = new() { Factor = 0.5 } } },
        ["later-after"] = Top(8, 2, new() { AfterCapacity = true, InEvaluation = false }) with { Dispatch = new() { Capacity = new() { Factor = 0.5 } } },
        ["later-after-dropless"] = Top(8, 3, new() { AfterCapacity = true }),
        ["capacity-random"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, Drop = DropPolicy.Random } },
        ["capacity-load"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { AtMostLoad = true, Multiple = 4 } } },
        ["capacity-single"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.6, EvaluationFactor = 2, Formula = CapacityFormula.Single }, RenormalizeAfterDrop = true, RenormalizeFloor = 0.4 } },
        ["capacity-whole-share"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.7, Formula = CapacityFormula.WholeShare, Rounding = CapacityRounding.Floor, AtMostLoad = true } } },
        ["relu-threshold"] = new RouterSpec { Experts = 8, Score = new() { Function = ScoreFunction.Relu }, Select = new ThresholdSelection() },
        ["threshold-at-least-one"] = new RouterSpec { Experts = 6, Select = new ThresholdSelection { Threshold = 0.4, AtLeastOne = true }, Weigh = new() { Normalization = WeightNormalization.Sum } },
        ["threshold-noise"] = new RouterSpec { Experts = 6, Noise = new() { Kind = NoiseKind.Gumbel }, Select = new ThresholdSelection { Threshold = 0.1, AtLeastOne = true } },
        ["top-p"] = new RouterSpec { Experts = 8, Select = new TopPSelection { P = 0.6 } },
        ["top-p-capacity"] = new RouterSpec { Experts = 4, Select = new TopPSelection { P = 0.8 }, Dispatch = new() { Capacity = new() { Factor = 0.4 } } },
        ["expert-choice"] = new RouterSpec { Experts = 4, Select = new ExpertChoiceSelection(), Dispatch = new() { Capacity = new() { Factor = 1 } } },
        ["expert-choice-sum"] = new RouterSpec { Experts = 4, Select = new ExpertChoiceSelection(), Weigh = new() { Normalization = WeightNormalization.Sum }, Dispatch = new() { Capacity = new() { Fixed = 3 } } },
        ["expert-choice-over-tokens"] = new RouterSpec { Experts = 4, Select = new ExpertChoiceSelection { OverTokens = true, DividesByCount = true }, Dispatch = new() { Capacity = new() { Fixed = 3 } } },
        ["race"] = new RouterSpec { Experts = 6, Score = new() { Function = ScoreFunction.Sigmoid }, Select = new RaceSelection { PerToken = 2 } },
        ["race-after"] = new RouterSpec { Experts = 4, Score = new() { Stage = ScoreStage.AfterSelection }, Select = new RaceSelection { PerToken = 1 } },
        ["race-capacity"] = new RouterSpec { Experts = 4, Select = new RaceSelection { PerToken = 2 }, Dispatch = new() { Capacity = new() { Factor = 0.6 } }, Ties = TieRule.HighestIndex },
        ["sinkhorn"] = new RouterSpec { Experts = 6, Select = new TopKSelection { K = 2, Balance = new() { Iterations = 7, Tolerance = 1e-12 } } },
        ["log-sinkhorn"] = new RouterSpec { Experts = 6, Score = new() { Function = ScoreFunction.Sigmoid }, Select = new TopKSelection { K = 2, Balance = new() { Method = BalanceMethod.LogSinkhorn, Iterations = 3 } } },
        ["prototypes"] = new RouterSpec { Experts = 8, Select = new PrototypeSelection { Count = 2 } },
        ["sparse-mixer"] = new RouterSpec { Experts = 6, Score = new() { Stage = ScoreStage.AfterSelection }, Select = new SparseMixerSelection { K = 2, Jitter = 0.2 } },
        ["overflow"] = TopK(4, 3) with { Dispatch = new() { Capacity = new() { Factor = 0.3 }, Drop = DropPolicy.Overflow } },
        ["overflow-priority"] = TopK(4, 3) with { Dispatch = new() { Capacity = new() { Factor = 0.3 }, Drop = DropPolicy.Overflow, Priority = TokenPriority.BestScore } },
        ["priority"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, Priority = TokenPriority.BestScore } },
        ["priority-kept-offset"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, Priority = TokenPriority.BestScore, Offset = ChoiceOffset.KeptEarlierChoices } },
        ["offset"] = TopK(8, 2) with { Score = new() { Function = ScoreFunction.Sigmoid, Offset = 0.1 } },
        ["soft-top-k"] = TopK(6, 2) with { Weigh = new() { Normalization = WeightNormalization.Sum, SoftTopK = new() { Iterations = 5, InitialEpsilon = 0.5, EpsilonDecay = 0.7 } } },
        ["weightless"] = TopK(5, 2) with { Weigh = new() { Normalization = WeightNormalization.Sum, WeightlessExperts = 1 } },
        ["biased-weights"] = TopK(6, 2, bias: true) with { Weigh = new() { BiasedWeights = true } },
        ["groups-sum"] = TopK(8, 2, new GroupLimit { Count = 4, Keep = 1, Score = GroupScore.Sum }),
        ["padding-takes-places"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 0.5 }, PaddingTakesPlaces = true } },
        ["capacity-zero"] = TopK(4, 2) with { Dispatch = new() { Capacity = new() { Fixed = 0 } } },
    };

    public static TheoryData<string> Names => [.. All.Keys];

    public static RouterSpec TopK(int experts, int k, GroupLimit? groups = null, bool bias = false) =>
        new RouterSpec { Experts = experts, Select = new TopKSelection { K = k, Groups = groups, UsesBias = bias } };

    private static RouterSpec Top(int experts, int k, LaterChoices later) => new() { Experts = experts, Select = new TopKSelection { K = k, Later = later } };

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
