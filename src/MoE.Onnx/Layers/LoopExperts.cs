namespace MoE.Onnx;

/// <summary>
/// The routed experts in standard operators: one Loop over the experts that have routes, which gathers the expert's weights and appends its results to a sequence. A graph of the same size whatever E.
/// </summary>
internal static class LoopExperts
{
    /// <summary>The routed part of the layer, [T, D], as a value called <paramref name="name"/>.</summary>
    public static string Write(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, RouterValues routing, string name)
    {
        RouteSort.Write(g, spec, routing);
        var d = g.Under("dispatch/");
        // NonZero gives [1, M] for a vector.
        string busy = d.Op("Reshape", "busy", [d.Op("NonZero", "busy_row", [RouteSort.ExpertLoad(g, spec)]), g.List(-1)]);
        string ends = d.Op("CumSum", "ends", [RouteSort.Load, g.Scalar(0L)]);
        string starts = d.Op("Sub", "starts", [ends, RouteSort.Load]);
        string trips = d.Op("Squeeze", "trips", [d.Op("Shape", "busy_count", [busy])]);
        string nothing = g.Constant("no rows", n => OnnxTensor.Create<float>(n, Array.Empty<float>(), 0, spec.Width));
        // Not empty from the start: a batch of no tokens has no busy expert, and a sequence of nothing cannot be joined.
        string none = d.Op("SequenceConstruct", "no_results", [nothing]);
        string? weights = RouteSort.InputWeights(g, spec, routing);
        var body = Body(g, spec, tensors, tokens, weights, busy, starts, ends);
        string results = g.Op("Loop", "experts/results", [trips, "", none], OnnxAttribute.Graph("body", body));
        if (RouteSort.Unrouted(g, spec) is { } unrouted) results = g.Op("SequenceInsert", "experts/all_results", [results, unrouted]);
        return RouteSort.Combine(g, spec, g.Under("combine/").Op("ConcatFromSequence", "sorted", [results], OnnxAttribute.Int("axis", 0)), routing.Weights, name);
    }

    private static OnnxGraph Body(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, string? weights, string busy, string starts, string ends)
    {
        var b = g.Branch("expert");
        string trip = b.Graph.AddInput("expert/trip", OnnxElementType.Int64);
        string going = b.Graph.AddInput("expert/going", OnnxElementType.Bool);
        string before = b.Graph.AddSequenceInput("expert/before", OnnxElementType.Float32, "R", spec.Width);
        string expert = b.Op("Gather", "index", [busy, trip], OnnxAttribute.Int("axis", 0));
        string list = b.Op("Unsqueeze", "index_list", [expert, g.List(0)]);
        string routes = b.Op("Slice", "routes", [RouteSort.Order, b.Op("Gather", "start", [starts, list]), b.Op("Gather", "end", [ends, list])]);
        string rows = RouteSort.Rows(b, g, spec, tokens, weights, routes);
        string y = ExpertGraph.Write(b, spec.Expert, rows, part => b.Op("Gather", part + "_weight", [g.Weight(tensors.Whole("experts." + part)), expert], OnnxAttribute.Int("axis", 0)));
        string still = b.Op("Identity", "still", [going]);
        string after = b.Op("SequenceInsert", "after", [before, y]);
        b.Graph.AddOutput(still, OnnxElementType.Bool);
        b.Graph.AddSequenceOutput(after, OnnxElementType.Float32, "R", spec.Width);
        return b.Graph;
    }
}
