namespace MoE.Torch;

/// <summary>How <see cref="LoraModel.Load"/> judges adapters.</summary>
public sealed record LoraLoadOptions
{
    /// <summary>The base model they must be trained on, compared with <c>base_model_name_or_path</c>; null: not compared.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Adapters may target different layers; where one is missing it changes nothing. Otherwise different targets are refused.</summary>
    public bool DifferentTargets { get; init; }

    /// <summary>How adapters of stacked weights lie; see <see cref="StackedLoraBank"/>.</summary>
    public WeightLayout StackedLayout { get; init; } = WeightLayout.OutputsByInputs;
}
