namespace MoE.Onnx;

/// <summary>
/// Writes one mixture-of-experts layer as ONNX: input <c>tokens</c> [T, D], output <c>output</c> [T, D], both float with any T including zero. The spec travels in the model's metadata.
/// All weights but those of <see cref="OnnxLayerForm.Quantized"/>'s experts are written in single precision, whatever the source holds. Equal specs and weights give equal bytes.
/// </summary>
/// <remarks>
/// Equal scores: ONNX defines that <c>TopK</c> takes the lowest index first, and ONNX Runtime does; <see cref="TieRule.LowestIndex"/> and <see cref="TieRule.Native"/> use that, <see cref="TieRule.HighestIndex"/> a mirrored row.
/// The order in which <c>com.microsoft::MoE</c> breaks ties decides only where the spec names it (highest index, or native) and no routing outputs are asked for.
/// The router computes in single precision: scores below 1.2e-38 (a sigmoid logit under -87, of the root of a softplus -174) may become zero, where the managed engine still tells them apart.
/// </remarks>
/// <example><code>
/// OnnxLayerWriter.Write(spec, weights, OnnxLayerForm.Portable, "layer.onnx");
/// using var engine = OnnxMoELayer.Load("layer.onnx");
/// engine.Forward(tokens, output);
/// </code></example>
public static class OnnxLayerWriter
{
    private const string Tokens = "T";

    /// <summary>What keeps a layer from being written in a form, every reason by name; empty if nothing does.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="form">The form.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    public static IReadOnlyList<SpecProblem> Refusals(MoELayerSpec spec, OnnxLayerForm form)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Checked();
        var reasons = RouterGraph.Refusals(spec.Router, "router.").Concat(LayerRefusals(spec));
        return form switch
        {
            OnnxLayerForm.Portable or OnnxLayerForm.Loop => [.. reasons],
            OnnxLayerForm.Contrib => [.. reasons, .. ContribExperts.Refusals(spec)],
            OnnxLayerForm.Quantized => [.. reasons, .. QuantizedExperts.Refusals(spec)],
            _ => throw new ArgumentOutOfRangeException(nameof(form), form, "must be a defined form"),
        };
    }

    private static IEnumerable<SpecProblem> LayerRefusals(MoELayerSpec spec)
    {
        if (spec.Special is { Count: > 0 } special) yield return new SpecProblem("special", special.ToString(), "experts without a feed-forward network are not exported");
    }

    /// <summary>Builds the model of a layer. The weights are read when the model is written, and must stay as they are until then.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>, finite.</param>
    /// <param name="form">The operators to use.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The form cannot express the layer; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    public static OnnxModel Build(MoELayerSpec spec, IWeightSource weights, OnnxLayerForm form, OnnxLayerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        options ??= new OnnxLayerOptions();
        SpecProblem[] refusals = [.. Refusals(spec, form), .. OnnxOpset.Refusals(options.Opset)];
        if (refusals.Length > 0) throw new OnnxExportException(refusals);
        if (form == OnnxLayerForm.Quantized) _ = WeightQuantizer.ScaleCount(options.Format, 1);
        var tensors = new LayerTensors(WeightNames.Of(spec), weights);
        var graph = new OnnxGraph("moe_layer");
        var g = new GraphScope(graph, options.Opset);
        graph.AddInput(OnnxNames.Tokens, OnnxElementType.Float32, Tokens, spec.Width);
        string logits = RouterGraph.Logits(g, spec.Router, tensors, OnnxNames.Tokens);
        string routedName = spec.Shared is null && !HasTail(spec) ? OnnxNames.Output : "routed";
        string? weightsName = null;
        string routed;
        if (form == OnnxLayerForm.Contrib && !options.RoutingOutputs && !spec.KeepsRemainder && ContribExperts.IsNative(spec.Router))
        {
            routed = ContribExperts.WriteNative(g, spec, tensors, OnnxNames.Tokens, logits, routedName);
        }
        else if (form == OnnxLayerForm.Quantized && !options.RoutingOutputs && !spec.KeepsRemainder && QuantizedExperts.IsNative(spec.Router))
        {
            routed = QuantizedExperts.WriteNative(g, spec, tensors, options, OnnxNames.Tokens, logits, routedName);
        }
        else
        {
            var routing = RouterGraph.Write(g, spec.Router, tensors, logits);
            weightsName = routing.Weights;
            routed = form switch
            {
                OnnxLayerForm.Contrib => ContribExperts.Write(g, spec, tensors, OnnxNames.Tokens, logits, routing, routedName),
                OnnxLayerForm.Quantized => QuantizedExperts.Write(g, spec, tensors, options, OnnxNames.Tokens, logits, routing, routedName),
                OnnxLayerForm.Loop => LoopExperts.Write(g, spec, tensors, OnnxNames.Tokens, routing, routedName),
                _ => PortableExperts.Write(g, spec, tensors, OnnxNames.Tokens, routing, routedName),
            };
        }

        if (HasTail(spec)) routed = WriteTail(g, spec, tensors, routed, weightsName, spec.Shared is null ? OnnxNames.Output : "tail/output");
        if (spec.Shared is { } shared)
            g.Op("Add", OnnxNames.Output, [routed, SharedExpertGraph.Write(g, spec, shared, tensors, OnnxNames.Tokens)]);
        graph.AddOutput(OnnxNames.Output, OnnxElementType.Float32, Tokens, spec.Width);
        if (options.RoutingOutputs) AddRoutingOutputs(graph, spec.Router);
        var model = OnnxOpset.Model(graph, options.Opset);
        if (form is OnnxLayerForm.Contrib or OnnxLayerForm.Quantized) model.OpsetImports[ContribExperts.Domain] = 1;
        model.Metadata[OnnxNames.LayerSpec] = spec.ToJson();
        return model;
    }

    /// <summary>Writes a layer to a stream.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>, finite.</param>
    /// <param name="form">The operators to use.</param>
    /// <param name="target">A writable stream; left open.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The form cannot express the layer; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    /// <exception cref="OnnxModelException">The model takes 2 GiB or more: write it to a path.</exception>
    public static void Write(MoELayerSpec spec, IWeightSource weights, OnnxLayerForm form, Stream target, OnnxLayerOptions? options = null) =>
        OnnxWriter.Write(Build(spec, weights, form, options), target);

    /// <summary>Writes a layer to a file, which appears only when complete. From 2 GiB on the weights lie beside it; see <see cref="OnnxWriter.Write(OnnxModel, string, OnnxWriteOptions?)"/>.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>, finite.</param>
    /// <param name="form">The operators to use.</param>
    /// <param name="path">The file; replaced if present.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The form cannot express the layer; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(MoELayerSpec spec, IWeightSource weights, OnnxLayerForm form, string path, OnnxLayerOptions? options = null) =>
        OnnxWriter.Write(Build(spec, weights, form, options), path);

    private static bool HasTail(MoELayerSpec spec) => spec.OutputMasking > 0 || spec.KeepsRemainder || spec.OutputBias;

    // What follows the experts: expert output masking in evaluation, the token's own share, the learned bias.
    private static string WriteTail(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string routed, string? weights, string name)
    {
        var t = g.Under("tail/");
        if (spec.OutputMasking > 0) routed = t.Op("Mul", "masked", [routed, g.Scalar((float)(1 - spec.OutputMasking))]);
        if (spec.KeepsRemainder)
        {
            string rest = t.Op("Sub", "rest", [g.Scalar(1f), t.Reduce("ReduceSum", "weight_sum", weights!, 1, keep: true)]);
            routed = t.Op("Add", "with_rest", [routed, t.Op("Mul", "remainder", [OnnxNames.Tokens, rest])]);
        }

        if (spec.OutputBias) routed = t.Op("Add", "biased", [routed, g.Weight(tensors.Whole(WeightNames.OutputBias))]);
        return g.Op("Identity", name, [routed]);
    }

    internal static void AddRoutingOutputs(OnnxGraph graph, RouterSpec spec)
    {
        graph.AddOutput(OnnxNames.Experts, OnnxElementType.Int64, Tokens, spec.TopK);
        graph.AddOutput(OnnxNames.Weights, OnnxElementType.Float32, Tokens, spec.TopK);
    }
}
