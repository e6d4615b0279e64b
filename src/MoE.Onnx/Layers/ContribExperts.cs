namespace MoE.Onnx;

/// <summary>
/// The routed experts as <c>com.microsoft::MoE</c>. The operator computes softmax over the logits given, takes the k largest and, on request, divides their weights by their sum.
/// Every other router is computed in front of it: it gets ln(w) at the chosen experts and -infinity elsewhere, which it turns into w / sum(w), and the row is multiplied by the sum afterwards.
/// </summary>
internal static class ContribExperts
{
    public const string Domain = "com.microsoft";

    /// <summary>Reasons why the operator cannot express a layer.</summary>
    public static IEnumerable<SpecProblem> Refusals(MoELayerSpec spec)
    {
        var expert = spec.Expert;
        if (expert.Form == ExpertForm.FeedForward && expert.Activation == Activation.Gelu)
            yield return new SpecProblem("expert.activation", nameof(Activation.Gelu), "com.microsoft::MoE computes the tanh approximation (GeluTanh), 2e-3 away from exact GELU");
        if (expert.Form == ExpertForm.FeedForward && expert.Alpha != 1)
            yield return new SpecProblem("expert.alpha", Text(expert.Alpha), "com.microsoft::MoE has alpha only in SwiGLU");
        if (expert.Form == ExpertForm.Glu && expert.Activation != Activation.Silu)
            yield return new SpecProblem("expert.activation", expert.Activation.ToString(), "com.microsoft::MoE has no GLU but SwiGLU (Silu) on the CPU");
        if (spec.Weighted == WeightedSide.Input)
            yield return new SpecProblem("weighted", nameof(WeightedSide.Input), "com.microsoft::MoE weighs the experts' outputs");
        if (spec.Router.Weigh.BiasedWeights)
            yield return new SpecProblem("router.weigh.biased_weights", "true", "a score plus a bias can be a negative weight, which com.microsoft::MoE cannot express");
        if (spec.Router.Score.Function == ScoreFunction.Identity)
            yield return new SpecProblem("router.score.function", nameof(ScoreFunction.Identity), "raw logits can be negative weights, which com.microsoft::MoE cannot express");
    }

    /// <summary>True where the operator's own routing is the spec's.</summary>
    public static bool IsNative(RouterSpec spec) =>
        NativeNormalization(spec) is not null
        && spec.Select is TopKSelection { UsesBias: false, Groups: null }
        && (spec.Ties != TieRule.LowestIndex || spec.TopK == spec.Experts);

    /// <summary>True where weights are divided by their sum, whichever way the spec says it.</summary>
    public static bool DividesBySum(RouterSpec spec) => NativeNormalization(spec) == true || spec is { Score: { Function: ScoreFunction.Softmax, Stage: ScoreStage.AfterSelection }, Weigh.Normalization: WeightNormalization.None };

    /// <summary>The routed part of the layer with the operator's own router.</summary>
    public static string WriteNative(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, string logits, string name)
    {
        float scale = (float)spec.Router.Weigh.Scale;
        string output = Operator(g, spec, tensors, tokens, logits, NativeNormalization(spec.Router) == true, scale == 1 ? name : "contrib/output");
        return scale == 1 ? output : g.Op("Mul", name, [output, g.Scalar(scale)]);
    }

    /// <summary>The routed part of the layer with a router in front of the operator.</summary>
    public static string Write(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, string logits, RouterValues routing, string name)
    {
        var c = g.Under("contrib/");
        string closed = c.Op("ConstantOfShape", "closed", [c.Op("Shape", "logits_shape", [logits])],
            OnnxAttribute.Tensor("value", OnnxTensor.Create<float>("", new[] { float.NegativeInfinity }, 1)));
        if (SumsToOne(spec.Router))
        {
            string logs = c.Op("ScatterElements", "log_weights", [closed, routing.Places, c.Op("Log", "logs", [routing.Unscaled])], OnnxAttribute.Int("axis", 1));
            return Operator(g, spec, tensors, tokens, logs, normalize: true, name);
        }

        string sum = c.Reduce("ReduceSum", "weight_sum", routing.Unscaled, 1, keep: true);
        // All weights zero: what the operator makes of a row of -infinity is nowhere said; any finite logits will do, the row is multiplied by zero.
        string zero = c.Op("Equal", "sum_is_zero", [sum, g.Scalar(0f)]);
        string guarded = c.Op("Where", "guarded", [zero, g.Scalar(1f), routing.Unscaled]);
        string shares = c.Op("ScatterElements", "log_weights", [closed, routing.Places, c.Op("Log", "logs", [guarded])], OnnxAttribute.Int("axis", 1));
        string unit = Operator(g, spec, tensors, tokens, shares, normalize: true, "contrib/output");
        double scale = spec.Router.Weigh.Scale;
        string factor = scale == 1 ? sum : c.Op("Mul", "factor", [sum, g.Scalar((float)scale)]);
        return g.Op("Mul", name, [unit, factor]);
    }

    // What normalize_routing_weights must be, or null where the operator's weights are not the spec's.
    private static bool? NativeNormalization(RouterSpec spec)
    {
        if (spec.Score is not { Function: ScoreFunction.Softmax, Offset: 0 } || spec.Weigh is { WeightlessExperts: > 0 } or { BiasedWeights: true }) return null;
        bool normalizes = spec.Weigh.Normalization != WeightNormalization.None && (spec.TopK > 1 || spec.Weigh.NormalizeSingle);
        // A softmax over the chosen logits is the softmax over all, divided by the sum of the chosen.
        if (!normalizes) return spec.Score.Stage == ScoreStage.AfterSelection;
        return spec.Weigh is { Normalization: WeightNormalization.Sum, Epsilon: 0 } ? true : null;
    }

    // Softmax scores cannot all vanish where the best of them is among the chosen.
    private static bool SumsToOne(RouterSpec spec) =>
        spec.Weigh.Scale == 1
        && NativeNormalization(spec) == true
        && (spec.Select is AllSelection or TopKSelection { UsesBias: false, Groups: null } || spec is { Score.Stage: ScoreStage.AfterSelection, Select: TopKSelection });

    private static string Operator(GraphScope g, MoELayerSpec spec, LayerTensors tensors, string tokens, string logits, bool normalize, string output)
    {
        var expert = spec.Expert;
        bool glu = expert.Form == ExpertForm.Glu;
        string first = g.Weight(glu
            ? tensors.Interleaved("experts.gate_up", WeightNames.ExpertGate, WeightNames.ExpertUp)
            : tensors.Whole(WeightNames.ExpertUp));
        string firstBias = "", secondBias = "";
        if (expert.Biases)
        {
            firstBias = g.Weight(glu
                ? tensors.Interleaved("experts.gate_up_bias", WeightNames.ExpertGateBias, WeightNames.ExpertUpBias)
                : tensors.Whole(WeightNames.ExpertUpBias));
            secondBias = g.Weight(tensors.Whole(WeightNames.ExpertDownBias));
        }

        string second = g.Weight(tensors.Whole(WeightNames.ExpertDown));
        g.Graph.AddNode(new OnnxNode
        {
            OpType = "MoE",
            Domain = Domain,
            Name = output,
            Inputs = expert.Biases ? [tokens, logits, first, firstBias, second, secondBias] : [tokens, logits, first, "", second],
            Outputs = [output],
            Attributes = Attributes(spec, normalize),
        });
        return output;
    }

    /// <summary>What both operators are told of a layer.</summary>
    public static List<OnnxAttribute> Attributes(MoELayerSpec spec, bool normalize)
    {
        var expert = spec.Expert;
        bool glu = expert.Form == ExpertForm.Glu;
        var attributes = new List<OnnxAttribute>
        {
            OnnxAttribute.Int("k", spec.Router.TopK),
            OnnxAttribute.Int("normalize_routing_weights", normalize ? 1 : 0),
            OnnxAttribute.Text("activation_type", glu ? "swiglu" : Name(expert.Activation)),
        };
        if (glu)
        {
            attributes.Add(OnnxAttribute.Int("swiglu_fusion", 1));
            attributes.Add(OnnxAttribute.Float("activation_alpha", (float)expert.Alpha));
            attributes.Add(OnnxAttribute.Float("activation_beta", (float)expert.UpOffset));
            if (expert.Limit is { } limit) attributes.Add(OnnxAttribute.Float("swiglu_limit", (float)limit));
        }

        return attributes;
    }

    private static string Name(Activation activation) => activation switch
    {
        Activation.Relu => "relu",
        Activation.GeluTanh => "gelu",
        Activation.Silu => "silu",
        _ => "identity",
    };

    private static string Text(double value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
