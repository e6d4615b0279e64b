using System.Text.Json.Serialization;

namespace MoE;

/// <summary>How a group of experts is scored.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<GroupScore>))]
public enum GroupScore
{
    /// <summary>The best score in the group (DeepSeek-V2).</summary>
    Max,

    /// <summary>The sum of the two best scores (DeepSeek-V3, torchtitan).</summary>
    SumOfTopTwo,

    /// <summary>The sum of the best floor(k / keep) scores (Megatron-LM).</summary>
    SumOfTopShare,

    /// <summary>The sum of all scores in the group (SAM, Jiang et al. 2021).</summary>
    Sum,
}

/// <summary>What the scores of a group that was not kept become.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<GroupMask>))]
public enum GroupMask
{
    /// <summary>Minus infinity: a masked group cannot be chosen.</summary>
    NegativeInfinity,

    /// <summary>Zero, as in transformers: with negative biased scores a masked group WINS. Kept for parity with checkpoints tuned on it.</summary>
    Zero,
}

/// <summary>Group-limited selection: the experts form equal groups of neighbours, and only the best groups compete.</summary>
public sealed record GroupLimit
{
    /// <summary>Number of groups G; divides E.</summary>
    public required int Count { get; init; }

    /// <summary>Groups kept per token, 1..G.</summary>
    public required int Keep { get; init; }

    /// <summary>How a group is scored.</summary>
    public GroupScore Score { get; init; } = GroupScore.SumOfTopTwo;

    /// <summary>What becomes of the other groups.</summary>
    public GroupMask Mask { get; init; } = GroupMask.NegativeInfinity;

    internal void Check(SpecProblems problems, string select, int experts, int k)
    {
        string path = $"{select}.groups";
        problems.RequirePositive(Count, $"{path}.count");
        problems.Require(Keep >= 1 && Keep <= Count, $"{path}.keep", Keep, $"must be in 1..count ({Count})");
        problems.RequireDefined(Score, $"{path}.score");
        problems.RequireDefined(Mask, $"{path}.mask");
        if (Count <= 0 || experts <= 0) return;
        problems.Require(experts % Count == 0, $"{path}.count", Count, $"must divide experts ({experts})");
        if (experts % Count != 0 || Keep < 1 || Keep > Count) return;
        int held = experts / Count * Keep;
        problems.Require(k <= held, $"{select}.k", k, $"must not exceed the experts in the kept groups ({Keep} x {experts / Count} = {held})");
        if (Score == GroupScore.SumOfTopShare)
            problems.Require(k / Keep >= 1 && k / Keep <= experts / Count, $"{path}.keep", Keep, $"floor(k / keep) must be in 1..experts per group ({experts / Count}) for {nameof(GroupScore.SumOfTopShare)}");
        if (Score == GroupScore.SumOfTopTwo)
            problems.Require(experts / Count >= 2, $"{path}.count", Count, $"groups need two experts or more for {nameof(GroupScore.SumOfTopTwo)}");
    }
}
