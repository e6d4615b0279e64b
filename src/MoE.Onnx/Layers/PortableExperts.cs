namespace MoE.Onnx;

/// <summary>
/// The routed experts in standard operators: routes are sorted by expert (stably), split into one list per expert, each expert runs behind an If on its own rows,
/// and the results are put back into token order and summed with their weights.
/// </summary>
internal static class PortableExperts
{
    /// <summary>The routed part of the layer, [T, D], as a value called <paramref name="name"/>.</summary>
    public static string Write(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, RouterValues routing, string name)
    {
        int experts = spec.Router.Experts, k = spec.Router.TopK;
        var d = g.Under("dispatch/");
        string flat = d.Op("Reshape", "flat", [routing.Experts, g.List(-1)]);
        string count = d.Op("Shape", "count", [flat]);
        d.Op("TopK", [flat, count], ["sorted", "order"], OnnxAttribute.Int("axis", 0), OnnxAttribute.Int("largest", 0));
        string ones = d.Op("ConstantOfShape", "ones", [count], OnnxAttribute.Tensor("value", OnnxTensor.Create<long>("", new[] { 1L }, 1)));
        string none = g.Constant("no routes", n => OnnxTensor.Create<long>(n, new long[experts], experts));
        string load = d.Op("ScatterElements", "load", [none, flat, ones], OnnxAttribute.Int("axis", 0), OnnxAttribute.Text("reduction", "add"));
        d.Op("Split", ["dispatch/order", load], Each(experts, "routes"), OnnxAttribute.Int("axis", 0));
        string busy = d.Op("Greater", "busy", [load, g.Scalar(0L)]);
        d.Op("Split", [busy], Each(experts, "busy"), OnnxAttribute.Int("axis", 0), OnnxAttribute.Int("num_outputs", experts));

        string? flatWeights = spec.Weighted == WeightedSide.Input ? d.Op("Reshape", "weights", [routing.Weights, g.List(-1, 1)]) : null;
        var results = new string[experts];
        for (int e = 0; e < experts; e++)
        {
            var then = Busy(g, spec, tensors, tokens, flatWeights, e);
            var otherwise = Idle(g, spec, e);
            results[e] = g.Op("If", $"expert.{e}", [$"dispatch/busy.{e}"], OnnxAttribute.Graph("then_branch", then), OnnxAttribute.Graph("else_branch", otherwise));
        }

        return Combine(g.Under("combine/"), g, spec, k, results, count, ones, routing.Weights, name);
    }

    private static OnnxGraph Busy(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, string? weights, int expert)
    {
        var b = g.Branch($"expert.{expert}");
        string routes = $"dispatch/routes.{expert}";
        int k = spec.Router.TopK;
        string rows = b.Op("Gather", "rows", [tokens, k == 1 ? routes : b.Op("Div", "row_tokens", [routes, g.Scalar((long)k)])], OnnxAttribute.Int("axis", 0));
        if (weights is not null)
            rows = b.Op("Mul", "weighted_rows", [rows, b.Op("Gather", "row_weights", [weights, routes], OnnxAttribute.Int("axis", 0))]);
        string y = ExpertGraph.Write(b, spec.Expert, rows, part => g.Weight(tensors.OfExpert("experts." + part, expert)));
        b.Graph.AddOutput(y, OnnxElementType.Float32, $"R{expert}", spec.Width);
        return b.Graph;
    }

    private static OnnxGraph Idle(GraphScope g, MoELayerSpec spec, int expert)
    {
        var b = g.Branch($"expert.{expert}.idle");
        string nothing = $"expert.{expert}.idle/nothing";
        b.Graph.AddInitializer(OnnxTensor.Create<float>(nothing, Array.Empty<float>(), 0, spec.Width));
        b.Graph.AddOutput(nothing, OnnxElementType.Float32, 0, spec.Width);
        return b.Graph;
    }

    private static string Combine(GraphScope c, GraphScope g, MoELayerSpec spec, int k, string[] results, string count, string ones, string weights, string name)
    {
        string sorted = c.Op("Concat", "sorted", results, OnnxAttribute.Int("axis", 0));
        // The inverse permutation: where in expert order each route lies.
        string iota = c.Op("Range", "iota", [g.Scalar(0L), c.Op("Squeeze", "route_count", [count]), g.Scalar(1L)]);
        string inverse = c.Op("ScatterElements", "inverse", [ones, "dispatch/order", iota], OnnxAttribute.Int("axis", 0));
        string routed = c.Op("Gather", "routed", [sorted, inverse], OnnxAttribute.Int("axis", 0));
        if (k == 1)
        {
            return spec.Weighted == WeightedSide.Input
                ? g.Op("Identity", name, [routed])
                : g.Op("Mul", name, [routed, weights]);
        }

        string byToken = c.Op("Reshape", "by_token", [routed, g.List(-1, k, spec.Width)]);
        if (spec.Weighted == WeightedSide.Input)
            return g.Op("ReduceSum", name, [byToken, g.List(1)], OnnxAttribute.Int("keepdims", 0));
        string row = c.Op("Reshape", "weight_rows", [weights, g.List(-1, 1, k)]);
        return g.Op("Reshape", name, [c.Op("MatMul", "sum", [row, byToken]), g.List(-1, spec.Width)]);
    }

    private static string[] Each(int experts, string name)
    {
        var names = new string[experts];
        for (int e = 0; e < experts; e++) names[e] = $"{name}.{e}";
        return names;
    }
}
