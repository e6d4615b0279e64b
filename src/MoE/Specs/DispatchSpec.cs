using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Which routes an expert keeps when more arrive than its capacity.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<DropPolicy>))]
public enum DropPolicy
{
    /// <summary>The first to arrive, in <see cref="DispatchSpec.Arrival"/> order.</summary>
    FirstCome,

    /// <summary>The heaviest weights; equal weights: the earlier token (Megatron-LM <c>probs</c>).</summary>
    HeaviestWeight,

    /// <summary>A random subset: each route draws U, the largest stay (DeepSpeed's random token selection). The draw is <see cref="NoiseNames.RandomDrop"/>, [T, E].</summary>
    Random,

    /// <summary>
    /// Any of them: on the torch engine those that libtorch's top-k leaves of a column of zeros and ones (DeepSpeed's top-1 without random token selection, Megatron-LM <c>position</c>). The managed engine keeps the first to arrive.
    /// </summary>
    Unspecified,

    /// <summary>
    /// No token left behind: the first to arrive, and a token tries its later choices only while the earlier ones were full. Each token ends at one expert at most; a choice that was not tried has no expert (-1). Choices
    /// are tried one after the other for the whole batch, behind those that were kept (Mesh TensorFlow <c>ntlb</c>).
    /// </summary>
    Overflow,
}

/// <summary>In which order routes arrive at their expert.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<ArrivalOrder>))]
public enum ArrivalOrder
{
    /// <summary>All first choices in token order, then all second choices (GShard family).</summary>
    ChoiceMajor,

    /// <summary>All choices of token 0, then those of token 1 (MegaBlocks).</summary>
    TokenMajor,
}

/// <summary>What later choices queue behind in <see cref="ArrivalOrder.ChoiceMajor"/>.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<ChoiceOffset>))]
public enum ChoiceOffset
{
    /// <summary>All earlier choices, also the dropped ones (GShard, DeepSpeed, Tutel, V-MoE).</summary>
    AllEarlierChoices,

    /// <summary>The earlier choices that were kept (Mesh TensorFlow, lucidrains).</summary>
    KeptEarlierChoices,
}

/// <summary>Which tokens come first where order decides.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<TokenPriority>))]
public enum TokenPriority
{
    /// <summary>The order of the batch.</summary>
    Order,

    /// <summary>The token with the largest score first, equal ones in the order of the batch: batch prioritized routing (V-MoE).</summary>
    BestScore,
}

/// <summary>The last stage before the experts: which routes are carried out.</summary>
public sealed record DispatchSpec
{
    /// <summary>Every route is carried out.</summary>
    public static DispatchSpec Dropless { get; } = new();

    /// <summary>Capacity per expert; null: dropless.</summary>
    public CapacitySpec? Capacity { get; init; }

    /// <summary>Which routes are kept.</summary>
    public DropPolicy Drop { get; init; } = DropPolicy.FirstCome;

    /// <summary>The order of arrival.</summary>
    public ArrivalOrder Arrival { get; init; } = ArrivalOrder.ChoiceMajor;

    /// <summary>What later choices queue behind.</summary>
    public ChoiceOffset Offset { get; init; } = ChoiceOffset.AllEarlierChoices;

    /// <summary>Which tokens arrive first.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TokenPriority Priority { get; init; }

    /// <summary>Capacity and queues are counted sequence by sequence (<see cref="RouteOptions.SequenceLength"/>), not over the batch: transformers Switch, lucidrains, st-moe, flaxformer's groups.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool PerSequence { get; init; }

    /// <summary>A padded token is routed to the first experts with weight zero, and uses their places: a defect of flaxformer's scatter router, which masks probabilities before it chooses. Otherwise padding goes nowhere.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool PaddingTakesPlaces { get; init; }

    /// <summary>The kept weights of a token are divided by their sum again after drops (DeepSpeed top-2); never applied to a token that lost all.</summary>
    public bool RenormalizeAfterDrop { get; init; }

    /// <summary>The sum that <see cref="RenormalizeAfterDrop"/> divides by is at least this; zero or more. DeepSpeed, NLLB and torchscale: 1.1920929e-7.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double RenormalizeFloor { get; init; }

    internal void Check(SpecProblems problems, string path)
    {
        problems.RequireDefined(Drop, $"{path}.drop");
        problems.RequireDefined(Arrival, $"{path}.arrival");
        problems.RequireDefined(Offset, $"{path}.offset");
        problems.RequireDefined(Priority, $"{path}.priority");
        problems.Require(double.IsFinite(RenormalizeFloor) && RenormalizeFloor >= 0, $"{path}.renormalize_floor", RenormalizeFloor, "must be finite and not negative");
        if (Drop == DropPolicy.Overflow) problems.Require(Capacity is not null, $"{path}.drop", Drop, "needs a capacity to overflow");
        Capacity?.Check(problems, $"{path}.capacity");
    }
}
