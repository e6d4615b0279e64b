namespace MoE.Onnx;

/// <summary>The names under which layers and routers lie in a model.</summary>
public static class OnnxNames
{
    /// <summary>Input: float [T, D].</summary>
    public const string Tokens = "tokens";

    /// <summary>Output of a layer: float [T, D].</summary>
    public const string Output = "output";

    /// <summary>Output of a router, and of a layer with <see cref="OnnxLayerOptions.RoutingOutputs"/>: int64 [T, K].</summary>
    public const string Experts = "experts";

    /// <summary>Output of a router, and of a layer with <see cref="OnnxLayerOptions.RoutingOutputs"/>: float [T, K].</summary>
    public const string Weights = "weights";

    /// <summary>Metadata key of a layer: the JSON of its <see cref="MoELayerSpec"/>.</summary>
    public const string LayerSpec = "moe.layer";

    /// <summary>Metadata key of a router: the JSON of its <see cref="RouterSpec"/>.</summary>
    public const string RouterSpec = "moe.router";
}
