namespace MoE.Onnx;

/// <summary>The shared expert in standard operators.</summary>
internal static class SharedExpertGraph
{
    /// <summary>Its contribution to every token, [T, D].</summary>
    public static string Write(GraphScope g, MoELayerSpec spec, SharedExpertSpec shared, LayerTensors tensors, string tokens)
    {
        var s = g.Under("shared/");
        string output = ExpertGraph.Write(s, spec.Expert, tokens, part => g.Weight(tensors.Whole("shared." + part)));
        if (!shared.SigmoidGate) return output;
        string logit = s.Op("Gemm", "gate_logit", [tokens, g.Weight(tensors.Whole(WeightNames.SharedScalarGate))], OnnxAttribute.Int("transB", 1));
        return s.Op("Mul", "gated_output", [output, s.Op("Sigmoid", "openness", [logit])]);
    }
}
