namespace MoE.Onnx;

/// <summary>
/// The routed experts as <c>com.microsoft::QMoE</c>: 8-bit or 4-bit weights. The operator takes the k largest of its router input and gathers the weights from another input, so it serves every router: the chosen experts get
/// a finite number there, all others -infinity. Experts whose width is no multiple of the block are filled up with hidden numbers that are zero, whatever the activation.
/// </summary>
internal static class QuantizedExperts
{
    /// <summary>Reasons why the operator cannot express a layer.</summary>
    public static IEnumerable<SpecProblem> Refusals(MoELayerSpec spec)
    {
        // Negative weights are given, and left out all the same.
        foreach (var problem in ContribExperts.Refusals(spec)) yield return problem with { Rule = problem.Rule.Replace("::MoE", "::QMoE", StringComparison.Ordinal) };
        if (spec.Width % WeightQuantizer.BlockSize != 0) yield return new SpecProblem("width", spec.Width.ToString(System.Globalization.CultureInfo.InvariantCulture), "must be a multiple of 32, the block of com.microsoft::QMoE");
    }

    /// <summary>The routed part of the layer.</summary>
    public static string Write(GraphScope g, MoELayerSpec spec, LayerTensors tensors, OnnxLayerOptions options, string tokens, string logits, RouterValues routing, string name)
    {
        var q = g.Under("quantized/");
        var shape = q.Op("Shape", "logits_shape", [logits]);
        string closed = q.Op("ConstantOfShape", "closed", [shape], OnnxAttribute.Tensor("value", OnnxTensor.Create<float>("", new[] { float.NegativeInfinity }, 1)));
        string nothing = q.Op("ConstantOfShape", "no_weights", [shape], OnnxAttribute.Tensor("value", OnnxTensor.Create<float>("", new[] { 0f }, 1)));
        string zeros = q.Op("Mul", "zeros", [routing.Unscaled, g.Scalar(0f)]);
        // A choice that is not taken stays closed, unless the token takes none at all: what the operator makes of a row of -infinity is nowhere said.
        if (RouterGraph.IsRagged(spec.Router))
        {
            string taken = q.Op("Or", "taken", [q.Op("Greater", "weighs", [routing.Unscaled, g.Scalar(0f)]), q.Op("Equal", "takes_none", [q.Reduce("ReduceSum", "weight_sum", routing.Unscaled, 1, keep: true), g.Scalar(0f)])]);
            zeros = q.Op("Where", "chosen_logits", [taken, zeros, g.Scalar(float.NegativeInfinity)]);
        }

        string chosen = q.Op("ScatterElements", "chosen", [closed, routing.Places, zeros], OnnxAttribute.Int("axis", 1));
        double scale = spec.Router.Weigh.Scale;
        string scaled = scale == 1 ? routing.Unscaled : q.Op("Mul", "scaled", [routing.Unscaled, g.Scalar((float)scale)]);
        string weights = q.Op("ScatterElements", "weights", [nothing, routing.Places, scaled], OnnxAttribute.Int("axis", 1));
        return Operator(g, spec, tensors, options, tokens, chosen, weights, normalize: false, name);
    }

    /// <summary>The same where the operator's own router, a softmax over the chosen logits, is the spec's.</summary>
    public static string WriteNative(GraphScope g, MoELayerSpec spec, LayerTensors tensors, OnnxLayerOptions options, string tokens, string logits, string name) =>
        Operator(g, spec, tensors, options, tokens, logits, "", normalize: true, name);

    /// <summary>True where the operator's own routing is the spec's.</summary>
    public static bool IsNative(RouterSpec spec) => spec.Weigh.Scale == 1 && ContribExperts.IsNative(spec) && ContribExperts.DividesBySum(spec);

    private static string Operator(GraphScope g, MoELayerSpec spec, LayerTensors tensors, OnnxLayerOptions options, string tokens, string logits, string weights, bool normalize, string output)
    {
        bool glu = spec.Expert.Form == ExpertForm.Glu;
        var format = options.Format;
        int width = spec.Width, inner = (spec.Expert.Width + WeightQuantizer.BlockSize - 1) / WeightQuantizer.BlockSize * WeightQuantizer.BlockSize;
        string[] first = glu ? [WeightNames.ExpertGate, WeightNames.ExpertUp] : [WeightNames.ExpertUp];
        string firstName = glu ? "experts.gate_up" : "experts.up", firstBias = "", secondBias = "";
        if (spec.Expert.Biases)
        {
            firstBias = g.Weight(tensors.Vectors(firstName + "_bias", inner, glu ? [WeightNames.ExpertGateBias, WeightNames.ExpertUpBias] : [WeightNames.ExpertUpBias]));
            secondBias = g.Weight(tensors.Whole(WeightNames.ExpertDownBias));
        }

        var attributes = ContribExperts.Attributes(spec, normalize);
        attributes.Add(OnnxAttribute.Int("expert_weight_bits", LayerTensors.IsNibbles(format) ? 4 : 8));
        if (format != WeightFormat.Int8PerRow) attributes.Add(OnnxAttribute.Int("block_size", WeightQuantizer.BlockSize));
        if (options.Activations == ActivationFormat.Int8) attributes.Add(OnnxAttribute.Int("accuracy_level", 4));
        List<string> inputs =
        [
            tokens, logits,
            g.Weight(tensors.Numbers(firstName + ".numbers", format, inner, width, first)), g.Weight(tensors.Scales(firstName + ".scales", format, inner, width, first)), firstBias,
            g.Weight(tensors.Numbers("experts.down.numbers", format, width, inner, WeightNames.ExpertDown)), g.Weight(tensors.Scales("experts.down.scales", format, width, inner, WeightNames.ExpertDown)), secondBias,
        ];
        // Inputs 8 to 10 are a third matrix, 11 to 13 zero points (128 or 8 where they are not given), 14 the weights.
        bool zeros = format == WeightFormat.Int4PerBlockAsymmetric;
        if (zeros || weights.Length > 0) inputs.AddRange(["", "", ""]);
        if (zeros) inputs.AddRange([g.Weight(tensors.ZeroPoints(firstName + ".zeros", format, inner, width, first)), g.Weight(tensors.ZeroPoints("experts.down.zeros", format, width, inner, WeightNames.ExpertDown))]);
        if (weights.Length > 0) inputs.AddRange(zeros ? ["", weights] : ["", "", "", weights]);
        g.Graph.AddNode(new OnnxNode { OpType = "QMoE", Domain = ContribExperts.Domain, Name = output, Inputs = [.. inputs], Outputs = [output], Attributes = attributes });
        return output;
    }
}
