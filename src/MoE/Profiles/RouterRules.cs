namespace MoE;

/// <summary>The rules behind the profiles, unchecked: a caller that builds more than a router reports the problems of the whole.</summary>
internal static class RouterRules
{
    /// <summary>softmax over all experts, then top-k, then optionally divided by the sum.</summary>
    public static RouterSpec SoftmaxThenTopK(int experts, int k, bool normalize) => new()
    {
        Experts = experts,
        Select = new TopKSelection { K = k },
        Weigh = Sum(normalize),
    };

    /// <summary>top-k on the logits, then the function over the chosen.</summary>
    public static RouterSpec TopKThen(ScoreFunction function, int experts, int k) => new()
    {
        Experts = experts,
        Score = new ScoreSpec { Function = function, Stage = ScoreStage.AfterSelection },
        Select = new TopKSelection { K = k },
    };

    public static RouterSpec DeepSeekV2(int experts, int k, int groups, int keepGroups, double scale, bool normalize)
    {
        bool divides = normalize && k > 1;
        return new RouterSpec
        {
            Experts = experts,
            Logits = LogitPrecision.Single,
            Select = new TopKSelection { K = k, Groups = Groups(groups, keepGroups, GroupScore.Max) },
            Weigh = divides ? Sum(true, 1e-20) : new WeighSpec { Scale = scale },
        };
    }

    public static RouterSpec DeepSeekV3(int experts, int k, int groups, int keepGroups, double scale, bool normalize, bool bias) => new()
    {
        Experts = experts,
        Logits = LogitPrecision.Single,
        Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
        Select = new TopKSelection { K = k, UsesBias = bias, Groups = Groups(groups, keepGroups, bias ? GroupScore.SumOfTopTwo : GroupScore.Max) },
        Weigh = Sum(normalize) with { Scale = scale },
    };

    /// <summary>Null where all experts compete: one group, and it is kept.</summary>
    public static GroupLimit? Groups(int groups, int keepGroups, GroupScore score, GroupMask mask = GroupMask.NegativeInfinity) =>
        groups == 1 && keepGroups == 1 ? null : new GroupLimit { Count = groups, Keep = keepGroups, Score = score, Mask = mask };

    public static WeighSpec Sum(bool normalize, double epsilon = 0) => normalize
        ? new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = epsilon }
        : new WeighSpec();
}
