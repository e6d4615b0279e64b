using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Which of several equal scores is chosen.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<TieRule>))]
public enum TieRule
{
    /// <summary>The lowest expert index (the default everywhere; JAX does the same).</summary>
    LowestIndex,

    /// <summary>The highest expert index (ONNX Runtime's MoE and QMoE on the CPU).</summary>
    HighestIndex,

    /// <summary>Whatever the tensor library's own top-k does: libtorch's order on the torch engine. The managed engine, which has no such library, takes the lowest index.</summary>
    Native,
}

/// <summary>The precision in which the scorer's product is taken.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<LogitPrecision>))]
public enum LogitPrecision
{
    /// <summary>That of the input (Mixtral: a bf16 layer has bf16 logits).</summary>
    Input,

    /// <summary>Single precision whatever the input (DeepSeek-V3, torchtitan).</summary>
    Single,
}

/// <summary>
/// A router as data: everything but its parameters. Closed and versioned: JSON carries <c>"schema": 1</c>, and unknown keys are refused.
/// A gate is <c>scores = Score(logits)</c>, <c>chosen = Select(scores)</c>, <c>weights = Weigh(scores, chosen)</c>, then <c>Dispatch</c>.
/// </summary>
/// <example><code>var spec = RouterProfiles.DeepSeekV3(experts: 256, k: 8, groups: 8, keepGroups: 4, scale: 2.5);</code></example>
public sealed record RouterSpec
{
    /// <summary>The schema this version reads and writes.</summary>
    public const int CurrentSchema = 1;

    /// <summary>Version of the JSON form.</summary>
    [JsonRequired]
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>Number of experts E, positive.</summary>
    public required int Experts { get; init; }

    /// <summary>Precision of the logits.</summary>
    public LogitPrecision Logits { get; init; } = LogitPrecision.Input;

    /// <summary>In training the scorer's input is multiplied by U(1 - j, 1 + j), j being this; 0..1. Switch, Mixtral: 0.01 where it is used.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double InputJitter { get; init; }

    /// <summary>Noise on the logits; null: none.</summary>
    public NoiseSpec? Noise { get; init; }

    /// <summary>Logits to scores.</summary>
    public ScoreSpec Score { get; init; } = new();

    /// <summary>Scores to chosen experts.</summary>
    public required SelectSpec Select { get; init; }

    /// <summary>Scores of the chosen to weights.</summary>
    public WeighSpec Weigh { get; init; } = new();

    /// <summary>Which routes are carried out.</summary>
    public DispatchSpec Dispatch { get; init; } = DispatchSpec.Dropless;

    /// <summary>Which of equal scores is chosen.</summary>
    public TieRule Ties { get; init; } = TieRule.LowestIndex;

    /// <summary>What follows the training step; null: nothing. See <see cref="At"/>.</summary>
    public RouterSchedules? Schedules { get; init; }

    /// <summary>Choices per token K: that of the selection, or E where every expert is taken.</summary>
    [JsonIgnore]
    public int TopK => Select switch { TopKSelection s => s.K, SparseMixerSelection m => m.K, PrototypeSelection p => p.Count, _ => Experts };

    /// <summary>True where the selection adds a per-expert bias.</summary>
    [JsonIgnore]
    public bool UsesSelectionBias => Select is TopKSelection { UsesBias: true };

    /// <summary>All problems of this spec; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        Check(problems, "");
        return problems.Found;
    }

    /// <summary>This spec, or an exception with all its problems.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public RouterSpec Checked()
    {
        SpecException.ThrowIfAny(Validate());
        return this;
    }

    /// <summary>The router of one training step: scheduled values are put in, and no schedule is left.</summary>
    /// <param name="step">Zero or more.</param>
    /// <returns>This spec where it has no schedules.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The step is negative.</exception>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public RouterSpec At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return Schedules is null ? this : Checked().Schedules!.Apply(this, step);
    }

    /// <summary>The same router with another number of choices per token (k can change at run time).</summary>
    /// <exception cref="SpecException">k does not fit, the selection has no k, or k follows a schedule.</exception>
    public RouterSpec WithTopK(int k)
    {
        if (Select is not TopKSelection s) throw new SpecException([new SpecProblem("select", Select.GetType().Name, "has no k to change")]);
        if (Schedules?.K is not null) throw new SpecException([new SpecProblem("schedules.k", "given", $"k follows a schedule and would not become {k}; take the schedule off first")]);
        return (this with { Select = s with { K = k } }).Checked();
    }

    /// <summary>The JSON form, complete and indented, with a final newline.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public string ToJson() => SpecJson.Write(Checked(), SpecJsonContext.Default.RouterSpec);

    /// <summary>Reads the JSON form. A key that is absent has its default, except <c>schema</c> and those that have none.</summary>
    /// <exception cref="InvalidDataException">Not JSON, an unknown key, a missing or newer schema, or a value of the wrong kind.</exception>
    /// <exception cref="SpecException">Read, but with problems.</exception>
    public static RouterSpec FromJson(string json) => SpecJson.Read(json, SpecJsonContext.Default.RouterSpec, CurrentSchema, SpecDefaults.FillRouter).Checked();

    /// <summary>This spec for an engine that knows no step, or an exception with all its problems.</summary>
    internal RouterSpec CheckedForOneStep()
    {
        Checked();
        return Schedules is null ? this : throw new SpecException([OneStep("")]);
    }

    /// <summary>Why an engine or an export without steps refuses a spec with schedules.</summary>
    internal static SpecProblem OneStep(string prefix) =>
        new(prefix + "schedules", "given", "this takes the router of one step; use RouterSpec.At(step)");

    internal void Check(SpecProblems problems, string prefix)
    {
        problems.Require(Schema == CurrentSchema, prefix + "schema", Schema, $"must be {CurrentSchema}");
        problems.RequirePositive(Experts, prefix + "experts");
        problems.RequireDefined(Logits, prefix + "logits");
        problems.RequireDefined(Ties, prefix + "ties");
        problems.Require(Score is not null, prefix + "score", Score, "must be given");
        problems.Require(Select is not null, prefix + "select", Select, "must be given");
        problems.Require(Weigh is not null, prefix + "weigh", Weigh, "must be given");
        problems.Require(Dispatch is not null, prefix + "dispatch", Dispatch, "must be given");
        problems.Require(double.IsFinite(InputJitter) && InputJitter >= 0 && InputJitter <= 1, prefix + "input_jitter", InputJitter, "must be in 0..1");
        Noise?.Check(problems, prefix + "noise", Select);
        Score?.Check(problems, prefix + "score");
        Select?.Check(problems, prefix + "select", Experts);
        Weigh?.Check(problems, prefix + "weigh");
        Dispatch?.Check(problems, prefix + "dispatch");
        Schedules?.Check(problems, prefix + "schedules", this);
        if (Select is SparseMixerSelection)
        {
            problems.Require(Score is { Function: ScoreFunction.Softmax, Stage: ScoreStage.AfterSelection, Offset: 0 }, prefix + "score", Score?.Function, "sparse mixer makes softmaxes of its own; the score must be a softmax after the selection");
            problems.Require(Weigh is { Normalization: WeightNormalization.None, SoftTopK: null }, prefix + "weigh.normalization", Weigh?.Normalization, "sparse mixer weighs by probabilities of its own, which are not normalised");
            problems.Require(Noise is null, prefix + "noise", Noise, "sparse mixer draws for itself");
        }

        if (Select is PrototypeSelection)
            problems.Require(Score is { Stage: ScoreStage.BeforeSelection }, prefix + "score.stage", Score?.Stage, "prototypes are scored block by block, before the selection");
        if (Weigh is { BiasedWeights: true })
            problems.Require(UsesSelectionBias && Score is { Stage: ScoreStage.BeforeSelection }, prefix + "weigh.biased_weights", true, "needs a selection bias and scores made before the selection");
        if (Select is ExpertChoiceSelection)
        {
            problems.Require(Dispatch is { Capacity: not null }, prefix + "dispatch.capacity", null, "expert choice needs a capacity: it is the number of tokens that an expert takes");
            problems.Require(Score is not { Stage: ScoreStage.AfterSelection, Function: ScoreFunction.Softmax }, prefix + "score.stage", Score?.Stage, "expert choice compares the scores of tokens; scores must be made before the selection");
        }

        if (Select is ExpertChoiceSelection { OverTokens: true })
            problems.Require(Score is { Function: ScoreFunction.Softmax }, prefix + "score.function", Score?.Function, "scores over tokens are softmaxes");
        if (Select is TopPSelection)
            problems.Require(Score is { Stage: ScoreStage.BeforeSelection, Function: ScoreFunction.Softmax or ScoreFunction.Sigmoid or ScoreFunction.SqrtSoftplus or ScoreFunction.Relu }, prefix + "score", Score?.Function, "top-p adds up scores; they must be made before the selection and not be negative");
        if (Score is { Function: ScoreFunction.Identity } && Weigh is { Normalization: not WeightNormalization.None })
            problems.Require(false, prefix + "weigh.normalization", Weigh.Normalization, "raw logits can be negative and cannot be normalised; use a score function");
        if (Score is { Function: ScoreFunction.Identity } && Dispatch is { RenormalizeAfterDrop: true })
            problems.Require(false, prefix + "dispatch.renormalize_after_drop", true, "raw logits can be negative and cannot be normalised; use a score function");
    }
}
