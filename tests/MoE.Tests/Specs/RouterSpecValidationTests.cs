namespace MoE.Tests.Specs;

/// <summary>A bad router is refused with every problem it has, each with name, value and rule.</summary>
public sealed class RouterSpecValidationTests
{
    private static readonly RouterSpec s_good = new() { Experts = 8, Select = new TopKSelection { K = 2 } };

    public static TheoryData<RouterSpec, string> Bad => new()
    {
        { s_good with { Schema = 2 }, "schema = 2: must be 1" },
        { s_good with { Experts = 0, Select = new AllSelection() }, "experts = 0: must be positive" },
        { s_good with { Experts = -3, Select = new AllSelection() }, "experts = -3: must be positive" },
        { s_good with { Logits = (LogitPrecision)7 }, "logits = 7: must be one of Input, Single" },
        { s_good with { Ties = (TieRule)(-1) }, "ties = -1: must be one of LowestIndex, HighestIndex, Native" },
        { s_good with { Select = new TopKSelection { K = 9 } }, "select.k = 9: must be in 1..experts (8)" },
        { s_good with { Select = new TopKSelection { K = 0 } }, "select.k = 0: must be in 1..experts (8)" },
        { s_good with { Score = new ScoreSpec { Temperature = double.NaN } }, "score.temperature = NaN: must be positive and finite" },
        { s_good with { Score = new ScoreSpec { Temperature = 0 } }, "score.temperature = 0: must be positive and finite" },
        { s_good with { Score = new ScoreSpec { Temperature = -1 } }, "score.temperature = -1: must be positive and finite" },
        { s_good with { Score = new ScoreSpec { Temperature = double.PositiveInfinity } }, "score.temperature = Infinity: must be positive and finite" },
        { s_good with { Score = new ScoreSpec { Function = (ScoreFunction)9 } }, "score.function = 9: must be one of Softmax, Sigmoid, SqrtSoftplus, Identity, Relu" },
        { s_good with { Score = new ScoreSpec { Stage = (ScoreStage)9 } }, "score.stage = 9: must be one of BeforeSelection, AfterSelection" },
        { s_good with { Score = null! }, "score = null: must be given" },
        { s_good with { Select = null! }, "select = null: must be given" },
        { s_good with { Weigh = null! }, "weigh = null: must be given" },
        { s_good with { Dispatch = null! }, "dispatch = null: must be given" },
        { Grouped(3, 1, 2), "select.groups.count = 3: must divide experts (8)" },
        { Grouped(4, 0, 2), "select.groups.keep = 0: must be in 1..count (4)" },
        { Grouped(4, 5, 2), "select.groups.keep = 5: must be in 1..count (4)" },
        { Grouped(4, 2, 5), "select.k = 5: must not exceed the experts in the kept groups (2 x 2 = 4)" },
        { Grouped(8, 4, 2), "select.groups.count = 8: groups need two experts or more for SumOfTopTwo" },
        { Grouped(4, 3, 2, GroupScore.SumOfTopShare), "select.groups.keep = 3: floor(k / keep) must be in 1..experts per group (2) for SumOfTopShare" },
        { Grouped(4, 2, 2, (GroupScore)5), "select.groups.score = 5: must be one of Max, SumOfTopTwo, SumOfTopShare, Sum" },
        { Grouped(4, 2, 2, GroupScore.Max, (GroupMask)5), "select.groups.mask = 5: must be one of NegativeInfinity, Zero" },
        { s_good with { Weigh = new WeighSpec { Normalization = (WeightNormalization)4 } }, "weigh.normalization = 4: must be one of None, Sum, PNorm" },
        { s_good with { Weigh = new WeighSpec { P = 0.5 } }, "weigh.p = 0.5: must be finite and at least 1" },
        { s_good with { Weigh = new WeighSpec { P = double.NaN } }, "weigh.p = NaN: must be finite and at least 1" },
        { s_good with { Weigh = new WeighSpec { Epsilon = -1e-9 } }, "weigh.epsilon = -1E-09: must be finite and not negative" },
        { s_good with { Weigh = new WeighSpec { EpsilonRule = (EpsilonRule)3 } }, "weigh.epsilon_rule = 3: must be one of Add, Floor" },
        { s_good with { Weigh = new WeighSpec { Scale = double.NaN } }, "weigh.scale = NaN: must be finite" },
        { s_good with { Score = new ScoreSpec { Function = ScoreFunction.Identity }, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } }, "weigh.normalization = Sum: raw logits can be negative and cannot be normalised; use a score function" },
        { s_good with { Score = new ScoreSpec { Function = ScoreFunction.Identity }, Dispatch = new DispatchSpec { RenormalizeAfterDrop = true } }, "dispatch.renormalize_after_drop = True: raw logits can be negative and cannot be normalised; use a score function" },
        { Capacity(new CapacitySpec { Factor = -1 }), "dispatch.capacity.factor = -1: must be finite and not negative" },
        { Capacity(new CapacitySpec { Factor = double.NaN }), "dispatch.capacity.factor = NaN: must be finite and not negative" },
        { Capacity(new CapacitySpec { Fixed = -1 }), "dispatch.capacity.fixed = -1: must not be negative" },
        { Capacity(new CapacitySpec()), "dispatch.capacity.factor = null: exactly one of factor and fixed (null) must be given, or neither with at_most_load" },
        { Capacity(new CapacitySpec { Factor = 1, Fixed = 4 }), "dispatch.capacity.factor = 1: exactly one of factor and fixed (4) must be given, or neither with at_most_load" },
        { Capacity(new CapacitySpec { Factor = 1, Rounding = (CapacityRounding)8 }), "dispatch.capacity.rounding = 8: must be one of Ceiling, Floor, HalfToEven" },
        { Capacity(new CapacitySpec { Factor = 1, Minimum = -1 }), "dispatch.capacity.minimum = -1: must not be negative" },
        { Capacity(new CapacitySpec { Factor = 1, Multiple = 0 }), "dispatch.capacity.multiple = 0: must be positive" },
        { s_good with { Dispatch = new DispatchSpec { Drop = (DropPolicy)9 } }, "dispatch.drop = 9: must be one of FirstCome, HeaviestWeight, Random, Unspecified, Overflow" },
        { Capacity(new CapacitySpec { Factor = 1, EvaluationFactor = -1 }), "dispatch.capacity.evaluation_factor = -1: must be finite and not negative" },
        { Capacity(new CapacitySpec { AtMostLoad = true, EvaluationFactor = 1 }), "dispatch.capacity.evaluation_factor = 1: needs a factor or a fixed capacity for training" },
        { Capacity(new CapacitySpec { Factor = 1, EvaluationRounding = (CapacityRounding)9 }), "dispatch.capacity.evaluation_rounding = 9: must be one of Ceiling, Floor, HalfToEven" },
        { s_good with { Dispatch = new DispatchSpec { Drop = DropPolicy.Overflow } }, "dispatch.drop = Overflow: needs a capacity to overflow" },
        { s_good with { Dispatch = new DispatchSpec { Priority = (TokenPriority)9 } }, "dispatch.priority = 9: must be one of Order, BestScore" },
        { s_good with { Score = new ScoreSpec { Offset = -1 } }, "score.offset = -1: must be finite and not negative" },
        { s_good with { Weigh = new WeighSpec { WeightlessExperts = -1 } }, "weigh.weightless_experts = -1: must not be negative" },
        { s_good with { Weigh = new WeighSpec { SoftTopK = new CoordinateDescentSpec { Iterations = 0 } } }, "weigh.soft_top_k.iterations = 0: must be positive" },
        { s_good with { Weigh = new WeighSpec { BiasedWeights = true } }, "weigh.biased_weights = True: needs a selection bias and scores made before the selection" },
        { s_good with { Select = new TopPSelection { P = double.NaN } }, "select.p = NaN: must be finite and not negative" },
        { s_good with { Select = new TopPSelection { P = 1 }, Score = new ScoreSpec { Function = ScoreFunction.Identity } }, "score = Identity: top-p adds up scores; they must be made before the selection and not be negative" },
        { s_good with { Select = new ThresholdSelection { Threshold = double.PositiveInfinity } }, "select.threshold = Infinity: must be finite" },
        { s_good with { Select = new RaceSelection { PerToken = 0 } }, $"select.per_token = 0: must be in 1..experts ({s_good.Experts})" },
        { s_good with { Select = new ExpertChoiceSelection() }, "dispatch.capacity = null: expert choice needs a capacity: it is the number of tokens that an expert takes" },
        { s_good with { Select = new PrototypeSelection { Count = 3 } }, "select.count = 3: must divide experts (8)" },
        { s_good with { Select = new SparseMixerSelection { K = 9 }, Score = new ScoreSpec { Stage = ScoreStage.AfterSelection } }, "select.k = 9: must be in 1..experts (8)" },
        { s_good with { Select = new TopKSelection { K = 2, Balance = new BatchBalance { Method = BalanceMethod.Auction } } }, "select.balance.method = Auction: assigns one expert per token; k must be 1" },
        { s_good with { Select = new TopKSelection { K = 2, UsesBias = true, Balance = new BatchBalance() } }, "select.balance = Sinkhorn: is made for a choice without groups and bias" },
        { Capacity(new CapacitySpec { Factor = 1, Formula = (CapacityFormula)9 }), "dispatch.capacity.formula = 9: must be one of ShareTimesFactor, FactorFirst, Single, WholeShare, WholeTokens, TokenShare" },
        { s_good with { Dispatch = new DispatchSpec { RenormalizeFloor = double.NaN } }, "dispatch.renormalize_floor = NaN: must be finite and not negative" },
        { s_good with { InputJitter = 1.5 }, "input_jitter = 1.5: must be in 0..1" },
        { s_good with { Noise = new NoiseSpec { Scale = -1 } }, "noise.scale = -1: must be finite and not negative" },
        { s_good with { Noise = new NoiseSpec { Shift = double.NaN } }, "noise.shift = NaN: must be finite" },
        { s_good with { Noise = new NoiseSpec { Kind = (NoiseKind)9 } }, "noise.kind = 9: must be one of Uniform, Normal, Gumbel, Exponential" },
        { s_good with { Noise = new NoiseSpec { Use = NoiseUse.Choice }, Select = new TopKSelection { K = 1, UsesBias = true } }, "noise.use = Choice: noise on the choice alone needs a top-k selection without groups and bias" },
        { Later(new LaterChoices { Rule = (LaterRule)9 }), "select.later.rule = 9: must be one of None, Threshold, Random" },
        { Later(new LaterChoices { Threshold = -1 }), "select.later.threshold = -1: must be finite and not negative" },
        { Later(new LaterChoices { ThresholdFloor = 0 }), "select.later.threshold_floor = 0: must be finite and positive" },
        { Later(new LaterChoices { Thresholds = [0.1, 0.2] }), "select.later.thresholds = 2: must have one value per later choice (1)" },
        { s_good with { Dispatch = new DispatchSpec { Arrival = (ArrivalOrder)2 } }, "dispatch.arrival = 2: must be one of ChoiceMajor, TokenMajor" },
        { s_good with { Dispatch = new DispatchSpec { Offset = (ChoiceOffset)2 } }, "dispatch.offset = 2: must be one of AllEarlierChoices, KeptEarlierChoices" },
    };

    [Theory, MemberData(nameof(Bad))]
    public void Each_rule_names_the_value_and_itself(RouterSpec spec, string problem)
    {
        Assert.Equal([problem], spec.Validate().Select(static p => p.ToString()));
        var refused = Assert.Throws<SpecException>(spec.Checked);
        Assert.Equal(problem, refused.Message);
        Assert.Equal(problem, Assert.Single(refused.Problems).ToString());
    }

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        var spec = new RouterSpec
        {
            Schema = 3,
            Experts = 6,
            Score = new ScoreSpec { Temperature = double.NaN },
            Select = new TopKSelection { K = 7, Groups = new GroupLimit { Count = 4, Keep = 5 } },
            Weigh = new WeighSpec { P = 0, Epsilon = -1, Scale = double.PositiveInfinity },
            Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = -1, Minimum = -1, Multiple = -2 } },
        };
        string[] names =
        [
            "schema", "score.temperature", "select.k", "select.groups.keep", "select.groups.count", "weigh.p", "weigh.epsilon", "weigh.scale",
            "dispatch.capacity.factor", "dispatch.capacity.minimum", "dispatch.capacity.multiple",
        ];
        var refused = Assert.Throws<SpecException>(spec.Checked);
        Assert.Equal(names, refused.Problems.Select(static p => p.Name));
        Assert.StartsWith("11 problems: schema = 3: must be 1; ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_groups_hold_nothing() =>
        Assert.Equal(["select.groups.count = 0: must be positive", "select.groups.keep = 1: must be in 1..count (0)"], Grouped(0, 1, 2).Validate().Select(static p => p.ToString()));

    [Fact]
    public void A_good_spec_has_no_problems_and_is_itself_when_checked()
    {
        Assert.Empty(s_good.Validate());
        Assert.Same(s_good, s_good.Checked());
    }

    [Fact]
    public void TopK_is_k_or_all_experts()
    {
        Assert.Equal(2, s_good.TopK);
        Assert.Equal(8, (s_good with { Select = new AllSelection() }).TopK);
    }

    [Fact]
    public void K_changes_within_its_bounds()
    {
        var groups = new GroupLimit { Count = 4, Keep = 2 };
        var spec = s_good with { Select = new TopKSelection { K = 2, UsesBias = true, Groups = groups } };
        Assert.Equal(new TopKSelection { K = 4, UsesBias = true, Groups = groups }, spec.WithTopK(4).Select);
        Assert.Contains("select.k = 5", Assert.Throws<SpecException>(() => spec.WithTopK(5)).Message, StringComparison.Ordinal);
        Assert.Contains("has no k to change", Assert.Throws<SpecException>(() => (s_good with { Select = new AllSelection() }).WithTopK(1)).Message, StringComparison.Ordinal);
    }

    private static RouterSpec Grouped(int count, int keep, int k, GroupScore score = GroupScore.SumOfTopTwo, GroupMask mask = GroupMask.NegativeInfinity) =>
        s_good with { Select = new TopKSelection { K = k, Groups = new GroupLimit { Count = count, Keep = keep, Score = score, Mask = mask } } };

    private static RouterSpec Later(LaterChoices later) => s_good with { Select = new TopKSelection { K = 2, Later = later } };

    private static RouterSpec Capacity(CapacitySpec capacity) => s_good with { Dispatch = new DispatchSpec { Capacity = capacity } };
}
