namespace MoE.Onnx;

/// <summary>Routes sorted by expert (stably) in front of the experts, and their results put back into token order and summed with their weights behind them, in standard operators.</summary>
internal static class RouteSort
{
    /// <summary>int64 [T K]: the routes, those of expert 0 first.</summary>
    public const string Order = "dispatch/order";

    /// <summary>int64 [E]: routes per expert; where tokens take different numbers, [E + 1], and the last counts the routes that nobody runs.</summary>
    public const string Load = "dispatch/load";

    /// <summary>Lists that <see cref="Load"/> counts.</summary>
    public static int Lists(MoELayerSpec spec) => spec.Router.Experts + (RouterGraph.IsRagged(spec.Router) ? 1 : 0);

    /// <summary>int64 [E]: routes per expert.</summary>
    public static string ExpertLoad(GraphScope g, MoELayerSpec spec) =>
        RouterGraph.IsRagged(spec.Router) ? g.Under("dispatch/").Op("Slice", "expert_load", [Load, g.List(0), g.List(spec.Router.Experts)]) : Load;

    /// <summary>float [n, D]: what the routes that nobody runs add, zeros; null where there are none.</summary>
    public static string? Unrouted(GraphScope g, MoELayerSpec spec)
    {
        if (!RouterGraph.IsRagged(spec.Router)) return null;
        var d = g.Under("dispatch/");
        string count = d.Op("Slice", "unrouted_count", [Load, g.List(spec.Router.Experts), g.List(spec.Router.Experts + 1)]);
        return d.Op("ConstantOfShape", "unrouted", [d.Op("Concat", "unrouted_shape", [count, g.List(spec.Width)], OnnxAttribute.Int("axis", 0))]);
    }

    /// <summary>Writes <see cref="Order"/> and <see cref="Load"/>.</summary>
    public static void Write(GraphScope g, MoELayerSpec spec, RouterValues routing)
    {
        var d = g.Under("dispatch/");
        string flat = d.Op("Reshape", "flat", [routing.Experts, g.List(-1)]);
        if (RouterGraph.IsRagged(spec.Router)) flat = d.Op("Where", "lists", [d.Op("Less", "not_taken", [flat, g.Scalar(0L)]), g.Scalar((long)spec.Router.Experts), flat]);
        string count = d.Op("Shape", "count", [flat]);
        d.Op("TopK", [flat, count], ["sorted", "order"], OnnxAttribute.Int("axis", 0), OnnxAttribute.Int("largest", 0));
        string ones = d.Op("ConstantOfShape", "ones", [count], OnnxAttribute.Tensor("value", OnnxTensor.Create<long>("", new[] { 1L }, 1)));
        string none = g.Constant("no routes", n => OnnxTensor.Create<long>(n, new long[Lists(spec)], Lists(spec)));
        d.Op("ScatterElements", "load", [none, flat, ones], OnnxAttribute.Int("axis", 0), OnnxAttribute.Text("reduction", "add"));
    }

    /// <summary>The rows of an expert, [n, D], weighted where the layer weighs inputs.</summary>
    /// <param name="b">The expert's graph.</param>
    /// <param name="g">The graph around it.</param>
    /// <param name="spec">The layer.</param>
    /// <param name="tokens">[T, D].</param>
    /// <param name="weights">[T K, 1], or null: the outputs are weighted.</param>
    /// <param name="routes">int64 [n].</param>
    public static string Rows(GraphScope b, GraphScope g, MoELayerSpec spec, string tokens, string? weights, string routes)
    {
        int k = spec.Router.TopK;
        string rows = b.Op("Gather", "rows", [tokens, k == 1 ? routes : b.Op("Div", "row_tokens", [routes, g.Scalar((long)k)])], OnnxAttribute.Int("axis", 0));
        return weights is null ? rows : b.Op("Mul", "weighted_rows", [rows, b.Op("Gather", "row_weights", [weights, routes], OnnxAttribute.Int("axis", 0))]);
    }

    /// <summary>The weights as <see cref="Rows"/> takes them.</summary>
    public static string? InputWeights(GraphScope g, MoELayerSpec spec, RouterValues routing) =>
        spec.Weighted == WeightedSide.Input ? g.Under("dispatch/").Op("Reshape", "weights", [routing.Weights, g.List(-1, 1)]) : null;

    /// <summary>The routed part of the layer, [T, D], as a value called <paramref name="name"/>.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="spec">The layer.</param>
    /// <param name="sorted">[T K, D]: the experts' results in the order of the routes.</param>
    /// <param name="weights">[T, K].</param>
    /// <param name="name">Of the result.</param>
    public static string Combine(GraphScope g, MoELayerSpec spec, string sorted, string weights, string name)
    {
        var c = g.Under("combine/");
        int k = spec.Router.TopK;
        // The inverse permutation: where in expert order each route lies.
        string iota = c.Op("Range", "iota", [g.Scalar(0L), c.Op("Squeeze", "route_count", ["dispatch/count"]), g.Scalar(1L)]);
        string inverse = c.Op("ScatterElements", "inverse", ["dispatch/ones", Order, iota], OnnxAttribute.Int("axis", 0));
        string routed = c.Op("Gather", "routed", [sorted, inverse], OnnxAttribute.Int("axis", 0));
        if (k == 1)
        {
            return spec.Weighted == WeightedSide.Input
                ? g.Op("Identity", name, [routed])
                : g.Op("Mul", name, [routed, weights]);
        }

        string byToken = c.Op("Reshape", "by_token", [routed, g.List(-1, k, spec.Width)]);
        if (spec.Weighted == WeightedSide.Input) return g.Reduce("ReduceSum", name, byToken, 1, keep: false);
        string row = c.Op("Reshape", "weight_rows", [weights, g.List(-1, 1, k)]);
        return g.Op("Reshape", name, [c.Op("MatMul", "sum", [row, byToken]), g.List(-1, spec.Width)]);
    }
}
