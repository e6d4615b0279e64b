using MoE.Checkpoints;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The parameters' type for weights of a checkpoint.</summary>
internal static class PretrainedType
{
    /// <summary>That of the published weights; weights of 8 and 4 bits become the type of those that are not.</summary>
    public static ScalarType Of(HuggingFaceConfig config) => config.WeightType switch
    {
        SafetensorsType.F32 => ScalarType.Float32,
        SafetensorsType.F16 => ScalarType.Float16,
        _ => ScalarType.BFloat16,
    };
}
