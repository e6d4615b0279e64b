namespace MoE.Onnx;

/// <summary>The routed experts in standard operators: each expert runs behind an If on its own rows.</summary>
internal static class PortableExperts
{
    /// <summary>The routed part of the layer, [T, D], as a value called <paramref name="name"/>.</summary>
    public static string Write(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, RouterValues routing, string name)
    {
        int experts = spec.Router.Experts;
        RouteSort.Write(g, spec, routing);
        var d = g.Under("dispatch/");
        d.Op("Split", [RouteSort.Order, RouteSort.Load], Each(RouteSort.Lists(spec), "routes"), OnnxAttribute.Int("axis", 0));
        string busy = d.Op("Greater", "busy", [RouteSort.ExpertLoad(g, spec), g.Scalar(0L)]);
        // Opset 18 wants the number of parts said, and those before do not know how.
        OnnxAttribute[] parts = g.Opset < 18 ? [OnnxAttribute.Int("axis", 0)] : [OnnxAttribute.Int("axis", 0), OnnxAttribute.Int("num_outputs", experts)];
        d.Op("Split", [busy], Each(experts, "busy"), parts);

        string? weights = RouteSort.InputWeights(g, spec, routing);
        var results = new string[experts];
        for (int e = 0; e < experts; e++)
        {
            var then = Busy(g, spec, tensors, tokens, weights, e);
            var otherwise = Idle(g, spec, e);
            results[e] = g.Op("If", $"expert.{e}", [$"dispatch/busy.{e}"], OnnxAttribute.Graph("then_branch", then), OnnxAttribute.Graph("else_branch", otherwise));
        }

        if (RouteSort.Unrouted(g, spec) is { } unrouted) results = [.. results, unrouted];
        return RouteSort.Combine(g, spec, g.Under("combine/").Op("Concat", "sorted", results, OnnxAttribute.Int("axis", 0)), routing.Weights, name);
    }

    private static OnnxGraph Busy(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, string? weights, int expert)
    {
        var b = g.Branch($"expert.{expert}");
        string rows = RouteSort.Rows(b, g, spec, tokens, weights, $"dispatch/routes.{expert}");
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

    private static string[] Each(int experts, string name)
    {
        var names = new string[experts];
        for (int e = 0; e < experts; e++) names[e] = $"{name}.{e}";
        return names;
    }
}
