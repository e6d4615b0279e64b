using CsCheck;

namespace MoE.Tests.Specs;

/// <summary>Random valid specs over every axis.</summary>
internal static class RandomSpecs
{
    public static Gen<RouterSpec> Router { get; } =
        from experts in Gen.OneOf(1, 2, 4, 6, 8, 12, 16)
        from score in Score
        from selection in Select(experts)
        from weigh in Weigh(score.Function)
        from dispatch in Dispatch(score.Function)
        from logits in Gen.Enum<LogitPrecision>()
        from ties in Gen.Enum<TieRule>()
        from jitter in Gen.OneOf(0.0, 0.1)
        from noise in Noise(selection)
        from later in Later
        select new RouterSpec { InputJitter = jitter, Noise = noise, Experts = experts, Logits = logits, Score = score, Select = selection is TopKSelection top && later is not null ? top with { Later = later } : selection, Weigh = weigh, Dispatch = dispatch, Ties = ties };

    /// <summary>Routers whose every random axis is on, in training and in evaluation.</summary>
    public static Gen<RouterSpec> Noisy { get; } =
        from router in Router
        from kind in Gen.Enum<NoiseKind>()
        from use in Gen.Enum<NoiseUse>()
        from rule in Gen.Enum<LaterRule>()
        from value in Gen.Enum<LaterValue>()
        from after in Gen.Bool
        from drop in Gen.Enum<DropPolicy>()
        from always in Gen.Bool
        select router with
        {
            Noise = new NoiseSpec { Kind = kind, Scale = 0.5, Use = IsFree(router.Select) ? use : NoiseUse.Scores, TrainingOnly = !always },
            Select = router.Select is TopKSelection top ? top with { Later = new LaterChoices { Rule = rule, Value = value, AfterCapacity = after, InEvaluation = always } } : router.Select,
            Dispatch = router.Dispatch with { Drop = drop == DropPolicy.Overflow && router.Dispatch.Capacity is null ? DropPolicy.FirstCome : drop },
        };

    /// <summary>Routers of every selection, with everything that can be combined with it.</summary>
    public static Gen<RouterSpec> Any { get; } =
        from router in Noisy
        from selection in AnySelection(router.Experts)
        from capacity in Capacity
        from perSequence in Gen.Bool
        from places in Gen.Bool
        from soft in Gen.OneOf(Gen.Const(static () => (CoordinateDescentSpec?)null), Gen.Const(static () => (CoordinateDescentSpec?)new CoordinateDescentSpec { Iterations = 3 }))
        select Fit(router with
        {
            Select = selection ?? router.Select,
            Weigh = router.Weigh with { SoftTopK = soft },
            Dispatch = router.Dispatch with { PerSequence = perSequence, PaddingTakesPlaces = places, Capacity = selection is ExpertChoiceSelection ? capacity : router.Dispatch.Capacity },
        });

    private static Gen<SelectSpec?> AnySelection(int experts) => Gen.OneOf(
        Gen.Const(static () => (SelectSpec?)null),
        Gen.Double[0, 1.2].Select(SelectSpec? (p) => new TopPSelection { P = p }),
        Gen.Select(Gen.Double[-1, 1], Gen.Bool, SelectSpec? (t, least) => new ThresholdSelection { Threshold = t, AtLeastOne = least }),
        Gen.Select(Gen.Bool, Gen.Bool, SelectSpec? (over, divides) => new ExpertChoiceSelection { OverTokens = over, DividesByCount = divides }),
        Gen.Int[1, experts].Select(SelectSpec? (k) => new RaceSelection { PerToken = k }),
        Gen.Select(Gen.Int[1, experts], Gen.Double[0, 1], SelectSpec? (k, jitter) => new SparseMixerSelection { K = k, Jitter = jitter }),
        Gen.OneOf([.. Enumerable.Range(1, experts).Where(b => experts % b == 0).Select(Gen.Const)]).Select(SelectSpec? (b) => new PrototypeSelection { Count = b }),
        Gen.Select(Gen.Int[1, experts], Gen.OneOf(BalanceMethod.Sinkhorn, BalanceMethod.LogSinkhorn), Gen.Int[1, 5], SelectSpec? (k, method, n) => new TopKSelection { K = k, Balance = new BatchBalance { Method = method, Iterations = n } }));

    // What a selection asks of the other stages.
    private static RouterSpec Fit(RouterSpec router)
    {
        if (router.Noise is { Use: not NoiseUse.Scores } && !IsFree(router.Select)) router = router with { Noise = router.Noise with { Use = NoiseUse.Scores } };
        router = router.Select switch
        {
            SparseMixerSelection => router with { Noise = null, Score = new ScoreSpec { Stage = ScoreStage.AfterSelection, Temperature = router.Score.Temperature }, Weigh = new WeighSpec { Scale = router.Weigh.Scale } },
            TopPSelection => router with { Score = router.Score with { Stage = ScoreStage.BeforeSelection, Function = router.Score.Function == ScoreFunction.Identity ? ScoreFunction.Softmax : router.Score.Function } },
            ExpertChoiceSelection choice => router with { Score = router.Score with { Stage = ScoreStage.BeforeSelection, Function = choice.OverTokens ? ScoreFunction.Softmax : router.Score.Function } },
            PrototypeSelection => router with { Score = router.Score with { Stage = ScoreStage.BeforeSelection } },
            _ => router,
        };
        return router.Score.Function == ScoreFunction.Identity ? router with { Weigh = router.Weigh with { Normalization = WeightNormalization.None }, Dispatch = router.Dispatch with { RenormalizeAfterDrop = false } } : router;
    }

    public static Gen<MoELayerSpec> Layer { get; } =
        from router in Router
        from width in Gen.Int[1, 6]
        from expert in Expert
        from shared in Gen.OneOf(Gen.Const(static () => (SharedExpertSpec?)null), Gen.Select(Gen.Int[1, 5], Gen.Bool, SharedExpertSpec? (w, gate) => new() { Width = w, SigmoidGate = gate }))
        from bias in Gen.Bool
        from side in Gen.Enum<WeightedSide>()
        select new MoELayerSpec { Width = width, Router = router, RouterBias = bias, Expert = expert, Shared = shared, Weighted = side };

    private static bool IsFree(SelectSpec selection) => selection is TopKSelection { Groups: null, UsesBias: false };

    // Of training: evaluation does not see it.
    private static Gen<NoiseSpec?> Noise(SelectSpec selection) =>
        from given in Gen.Bool
        from kind in Gen.Enum<NoiseKind>()
        from scale in Gen.Double[0, 2]
        from shift in Gen.Double[-1, 1]
        from use in Gen.Enum<NoiseUse>()
        from multiplies in Gen.Bool
        from per in Gen.Bool
        select given ? new NoiseSpec { Kind = kind, Scale = scale, Shift = shift, Multiplies = multiplies, PerExpert = per, Use = IsFree(selection) ? use : NoiseUse.Scores } : null;

    private static Gen<LaterChoices?> Later =>
        from given in Gen.Bool
        from rule in Gen.Enum<LaterRule>()
        from value in Gen.Enum<LaterValue>()
        from threshold in Gen.Double[0, 1]
        from after in Gen.Bool
        select given ? new LaterChoices { Rule = rule, Value = value, Threshold = threshold, AfterCapacity = after, InEvaluation = false } : null;

    private static Gen<ScoreSpec> Score => Gen.Select(Gen.Enum<ScoreFunction>(), Gen.Enum<ScoreStage>(), Gen.Double[0.1, 10], Gen.OneOf(0.0, 0.0, 0.05),
        (function, stage, temperature, offset) => new ScoreSpec { Function = function, Stage = stage, Temperature = temperature, Offset = offset });

    private static Gen<ExpertSpec> Expert =>
        from glu in Gen.Bool
        from activation in Gen.Enum<Activation>()
        from width in Gen.Int[1, 6]
        from biases in Gen.Bool
        from layout in Gen.Enum<GluLayout>()
        from alpha in Gen.Double[0.5, 2]
        from limit in Gen.Double[0.1, 8]
        from limited in Gen.Bool
        from offset in Gen.Int[0, 1]
        select new ExpertSpec
        {
            Form = glu ? ExpertForm.Glu : ExpertForm.FeedForward,
            Activation = activation,
            Width = width,
            Biases = biases,
            Layout = layout,
            Alpha = activation == Activation.Silu ? alpha : 1,
            Limit = glu && limited ? limit : null,
            UpOffset = glu ? offset : 0,
        };

    private static Gen<SelectSpec> Select(int experts) => Gen.Frequency(
        (1, Gen.Const<SelectSpec>(new AllSelection())),
        (4, Gen.Select(Gen.Int[1, experts], Gen.Bool, SelectSpec (k, bias) => new TopKSelection { K = k, UsesBias = bias })),
        (4, Grouped(experts)));

    private static Gen<SelectSpec> Grouped(int experts) =>
        from count in Gen.OneOf(Enumerable.Range(1, experts).Where(g => experts % g == 0).ToArray())
        from keep in Gen.Int[1, count]
        from k in Gen.Int[1, experts / count * keep]
        from score in Gen.Enum<GroupScore>()
        from mask in Gen.Enum<GroupMask>()
        from bias in Gen.Bool
        select (SelectSpec)new TopKSelection
        {
            K = k,
            UsesBias = bias,
            Groups = new GroupLimit { Count = count, Keep = keep, Mask = mask, Score = Possible(score, k, keep, experts / count) },
        };

    private static GroupScore Possible(GroupScore score, int k, int keep, int size) => score switch
    {
        GroupScore.SumOfTopTwo when size < 2 => GroupScore.Max,
        GroupScore.SumOfTopShare when k / keep < 1 || k / keep > size => GroupScore.Max,
        _ => score,
    };

    private static Gen<WeighSpec> Weigh(ScoreFunction function) =>
        from normalization in function == ScoreFunction.Identity ? Gen.Const(WeightNormalization.None) : Gen.Enum<WeightNormalization>()
        from p in Gen.Double[1, 4]
        from epsilon in Gen.OneOf(0.0, 1e-20, 1e-9, 6.1e-5)
        from rule in Gen.Enum<EpsilonRule>()
        from single in Gen.Bool
        from scale in Gen.Double[0.5, 3]
        from weightless in Gen.OneOf(0, 0, 1)
        select new WeighSpec { WeightlessExperts = weightless, Normalization = normalization, P = p, Epsilon = epsilon, EpsilonRule = rule, NormalizeSingle = single, Scale = scale };

    private static Gen<DispatchSpec> Dispatch(ScoreFunction function) =>
        from capacity in Gen.OneOf(Gen.Const(static () => (CapacitySpec?)null), Capacity.Select(CapacitySpec? (c) => c))
        from drop in Gen.OneOf(DropPolicy.FirstCome, DropPolicy.HeaviestWeight, DropPolicy.Unspecified)
        from arrival in Gen.Enum<ArrivalOrder>()
        from offset in Gen.Enum<ChoiceOffset>()
        from again in Gen.Bool
        from priority in Gen.Enum<TokenPriority>()
        from floor in Gen.OneOf(0.0, 1.1920929e-7)
        select new DispatchSpec { Priority = priority, RenormalizeFloor = floor, Capacity = capacity, Drop = drop, Arrival = arrival, Offset = offset, RenormalizeAfterDrop = again && function != ScoreFunction.Identity };

    private static Gen<CapacitySpec> Capacity =>
        from isFixed in Gen.Bool
        from size in Gen.Int[0, 6]
        from factor in Gen.Double[0, 2]
        from counts in Gen.Bool
        from rounding in Gen.Enum<CapacityRounding>()
        from minimum in Gen.Int[0, 3]
        from multiple in Gen.Int[1, 4]
        from most in Gen.Bool
        from load in Gen.Bool
        from formula in Gen.Enum<CapacityFormula>()
        from evaluation in Gen.OneOf(Gen.Const((double?)null), Gen.Double[0, 2].Select(static f => (double?)f))
        select new CapacitySpec
        {
            Fixed = isFixed ? size : null,
            Factor = isFixed ? null : factor,
            CountsChoices = counts,
            Rounding = rounding,
            Minimum = minimum,
            Multiple = multiple,
            AtMostTokens = most,
            AtMostLoad = load,
            Formula = formula,
            EvaluationFactor = isFixed ? null : evaluation,
        };
}
