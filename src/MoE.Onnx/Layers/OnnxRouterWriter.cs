namespace MoE.Onnx;

/// <summary>
/// Writes a router without experts as ONNX in standard operators: input <c>tokens</c> [T, D], outputs <c>experts</c> int64 [T, K] and <c>weights</c> float [T, K]. The spec travels in the model's metadata.
/// </summary>
public static class OnnxRouterWriter
{
    /// <summary>Builds the model of a router with a linear scorer. The weights are read when the model is written, and must stay as they are until then.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="weights">
    /// <see cref="WeightNames.Router"/> [E, D], which also tells D; <see cref="WeightNames.RouterBias"/> [E] if present; <see cref="WeightNames.SelectionBias"/> [E] where the spec uses it. Others are ignored.
    /// </param>
    /// <param name="opset">Version of the standard operators, <see cref="OnnxOpset.Oldest"/>..<see cref="OnnxOpset.Newest"/>.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The router cannot be expressed; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    public static OnnxModel Build(RouterSpec spec, IWeightSource weights, int opset = OnnxOpset.Newest)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return Build(spec, weights, Has(weights, WeightNames.RouterBias), opset);
    }

    /// <summary>Writes a router to a file, which appears only when complete.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="weights">As for <see cref="Build(RouterSpec, IWeightSource, int)"/>.</param>
    /// <param name="path">The file; replaced if present.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The router cannot be expressed; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(RouterSpec spec, IWeightSource weights, string path) => OnnxWriter.Write(Build(spec, weights), path);

    internal static OnnxModel Build(RouterSpec spec, IWeightSource weights, bool bias, int opset = OnnxOpset.Newest)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Checked();
        SpecProblem[] refusals = [.. RouterGraph.Refusals(spec, ""), .. OnnxOpset.Refusals(opset)];
        if (refusals.Length > 0) throw new OnnxExportException(refusals);
        ReadOnlySpan<int> shape = weights is IWeightParts parts ? parts.ShapeOf(WeightNames.Router) : weights.TryGet(WeightNames.Router, out var scorer) ? scorer.Shape : [];
        int width = shape is [_, var d] ? d : 0;
        var expected = new List<(string, int[])> { (WeightNames.Router, [spec.Experts, width]) };
        if (bias) expected.Add((WeightNames.RouterBias, [spec.Experts]));
        if (spec.UsesSelectionBias) expected.Add((WeightNames.SelectionBias, [spec.Experts]));
        var tensors = new LayerTensors(expected, weights);
        var graph = new OnnxGraph("moe_router");
        var g = new GraphScope(graph, opset);
        graph.AddInput(OnnxNames.Tokens, OnnxElementType.Float32, "T", width);
        RouterGraph.Write(g, spec, tensors, RouterGraph.Logits(g, spec, tensors, OnnxNames.Tokens));
        OnnxLayerWriter.AddRoutingOutputs(graph, spec);
        var model = OnnxOpset.Model(graph, opset);
        model.Metadata[OnnxNames.RouterSpec] = spec.ToJson();
        return model;
    }

    internal static bool Has(IWeightSource weights, string name) => weights is IWeightParts parts ? parts.ShapeOf(name) is not null : weights.TryGet(name, out _);
}
