namespace MoE.Conformance.Adapters;

/// <summary>The words of peers as the library's, and layers that have no profile.</summary>
internal static class Specs
{
    /// <summary>A layer of GLU experts, with an ungated shared expert where there is one.</summary>
    public static MoELayerSpec Glu(Widths widths, RouterSpec router) => new()
    {
        Width = widths.Model,
        Router = router,
        Expert = new ExpertSpec { Width = widths.Expert },
        Shared = widths.Shared == 0 ? null : new SharedExpertSpec { Width = widths.Shared },
    };

    /// <summary>Weights divided by their sum, or not, and multiplied by a factor.</summary>
    public static WeighSpec Weigh(bool normalize, double epsilon, double scale) => normalize
        ? new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = epsilon, Scale = scale }
        : new WeighSpec { Scale = scale };

    public static ScoreFunction Function(string word) => word switch
    {
        "softmax" => ScoreFunction.Softmax,
        "sigmoid" => ScoreFunction.Sigmoid,
        "sqrtsoftplus" => ScoreFunction.SqrtSoftplus,
        _ => throw new NotSupportedException($"score function {word} is not known"),
    };

    public static Activation Activation(string word) => word switch
    {
        "silu" or "swish" => MoE.Activation.Silu,
        "relu" => MoE.Activation.Relu,
        "gelu" => MoE.Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => MoE.Activation.GeluTanh,
        _ => throw new NotSupportedException($"activation {word} is not known"),
    };
}
