using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Where the routing weight is applied.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<WeightedSide>))]
public enum WeightedSide
{
    /// <summary>sum_e w_e * expert_e(x).</summary>
    Output,

    /// <summary>sum_e expert_e(w_e * x) (Llama 4).</summary>
    Input,
}

/// <summary>A mixture-of-experts layer as data: router, experts, shared experts and sizes. Weights come from an <see cref="IWeightSource"/>; an <see cref="IMoEEngine"/> runs it.</summary>
public sealed record MoELayerSpec
{
    /// <summary>The schema this version reads and writes.</summary>
    public const int CurrentSchema = 1;

    /// <summary>Version of the JSON form.</summary>
    [JsonRequired]
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>Model width D: inputs and outputs are [T, D].</summary>
    public required int Width { get; init; }

    /// <summary>The router.</summary>
    public required RouterSpec Router { get; init; }

    /// <summary>The scorer has a bias (gpt-oss).</summary>
    public bool RouterBias { get; init; }

    /// <summary>The routed experts.</summary>
    public required ExpertSpec Expert { get; init; }

    /// <summary>The shared expert; null: none.</summary>
    public SharedExpertSpec? Shared { get; init; }

    /// <summary>Where the routing weight is applied.</summary>
    public WeightedSide Weighted { get; init; } = WeightedSide.Output;

    /// <summary>The last experts of the router, where they are no feed-forward networks; null: all are.</summary>
    public SpecialExperts? Special { get; init; }

    /// <summary>A learned bias [D] is added to every token's routed output, whatever its weights (JetMoE).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool OutputBias { get; init; }

    /// <summary>A dropped route carries the token itself, with the weight it had before the drop (Switch in some versions of transformers); otherwise it adds nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool PassDropped { get; init; }

    /// <summary>What a token's weights lack to one carries the token itself: y = sum w f(x) + (1 - sum w) x (BASE layers).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool KeepsRemainder { get; init; }

    /// <summary>
    /// Expert output masking (NLLB): in training each route's output is left out with this probability (the draw is <see cref="NoiseNames.OutputMask"/>, [T, K] uniform); in evaluation routed outputs are multiplied by
    /// one minus it. In 0..1.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double OutputMasking { get; init; }

    /// <summary>Experts that are feed-forward networks: the router's, without the special ones.</summary>
    [JsonIgnore]
    public int FeedForwardExperts => Router.Experts - (Special?.Count ?? 0);

    /// <summary>All problems of this spec; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        problems.Require(Schema == CurrentSchema, "schema", Schema, $"must be {CurrentSchema}");
        problems.RequirePositive(Width, "width");
        problems.RequireDefined(Weighted, "weighted");
        problems.Require(Router is not null, "router", Router, "must be given");
        problems.Require(Expert is not null, "expert", Expert, "must be given");
        Router?.Check(problems, "router.");
        Expert?.Check(problems, "expert");
        Shared?.Check(problems, "shared");
        if (Router is not null) Special?.Check(problems, "special", Router.Experts);
        problems.Require(OutputMasking >= 0 && OutputMasking <= 1, "output_masking", OutputMasking, "must be in 0..1");
        return problems.Found;
    }

    /// <summary>This spec, or an exception with all its problems.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public MoELayerSpec Checked()
    {
        SpecException.ThrowIfAny(Validate());
        return this;
    }

    /// <summary>The JSON form, complete and indented, with a final newline.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public string ToJson() => SpecJson.Write(Checked(), SpecJsonContext.Default.MoELayerSpec);

    /// <summary>Reads the JSON form. A key that is absent has its default, except <c>schema</c> and those that have none.</summary>
    /// <exception cref="InvalidDataException">Not JSON, an unknown key, a missing or newer schema, or a value of the wrong kind.</exception>
    /// <exception cref="SpecException">Read, but with problems.</exception>
    public static MoELayerSpec FromJson(string json) => SpecJson.Read(json, SpecJsonContext.Default.MoELayerSpec, CurrentSchema, SpecDefaults.FillLayer).Checked();
}
