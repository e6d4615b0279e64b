using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Temperature;

/// <summary>The function between a gate's linear layer and its softmax.</summary>
/// <param name="Name">As in tables.</param>
/// <param name="Value">phi(z).</param>
/// <param name="Slope">phi'(z); at a kink the mean of both sides does not matter, as no sample hits it.</param>
/// <param name="OnTensors">phi in torch.</param>
public sealed record GateActivation(string Name, Func<double, double> Value, Func<double, double> Slope, Func<Tensor, Tensor> OnTensors)
{
    private const double Root = 0.79788456080286535588, Cubic = 0.044715;

    /// <summary>phi(z) = z: the standard dense-to-sparse gate.</summary>
    public static GateActivation Identity { get; } = new("identity", static z => z, static _ => 1, static z => z.alias());

    /// <summary>max(z, 0): no help, as it is homogeneous too.</summary>
    public static GateActivation Relu { get; } = new("ReLU", static z => Math.Max(z, 0), static z => z > 0 ? 1 : 0, static z => z.relu());

    /// <summary>1 / (1 + e^-z).</summary>
    public static GateActivation Sigmoid { get; } = new("sigmoid", Logistic, static z => Logistic(z) * Logistic(-z), static z => z.sigmoid());

    /// <summary>tanh(z).</summary>
    public static GateActivation Tanh { get; } = new("tanh", Math.Tanh, static z => 1 - Math.Tanh(z) * Math.Tanh(z), static z => z.tanh());

    /// <summary>GELU in its tanh form.</summary>
    public static GateActivation Gelu { get; } = new(
        "GELU",
        static z => 0.5 * z * (1 + Math.Tanh(Root * (z + Cubic * z * z * z))),
        static z =>
        {
            double t = Math.Tanh(Root * (z + Cubic * z * z * z));
            return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * Root * (1 + 3 * Cubic * z * z);
        },
        static z => nn.functional.gelu(z, TorchSharp.Modules.GELU.Approximate.tanh));

    /// <summary>1 / (1 + e^-z) without overflow.</summary>
    public static double Logistic(double z) => z >= 0 ? 1 / (1 + Math.Exp(-z)) : 1 - 1 / (1 + Math.Exp(z));
}
