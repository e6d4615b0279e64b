namespace MoE.Conformance.Adapters;

/// <summary>The words of peers as the library's.</summary>
internal static class Specs
{
    /// <summary>Divided by their sum.</summary>
    /// <param name="epsilon">Added to the sum.</param>
    /// <param name="scale">Multiplies the weights last.</param>
    public static WeighSpec Sum(double epsilon = 0, double scale = 1) => new() { Normalization = WeightNormalization.Sum, Epsilon = epsilon, Scale = scale };

    /// <summary>As the scores are.</summary>
    /// <param name="scale">Multiplies the weights last.</param>
    public static WeighSpec Raw(double scale = 1) => new() { Scale = scale };

    /// <summary>Softmax over all experts, then top-k.</summary>
    public static RouterSpec Softmax(int experts, int k, WeighSpec weigh) => new() { Experts = experts, Select = new TopKSelection { K = k }, Weigh = weigh };

    /// <summary>Top-k of the logits, then a function of the chosen.</summary>
    public static RouterSpec AfterTopK(int experts, int k, ScoreFunction function) => new()
    {
        Experts = experts,
        Score = new ScoreSpec { Function = function, Stage = ScoreStage.AfterSelection },
        Select = new TopKSelection { K = k },
    };

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

    /// <summary>A GLU with an activation; its width is that of the weights.</summary>
    public static ExpertSpec Glu(string activation) => new() { Width = 1, Activation = Activation(activation) };
}
