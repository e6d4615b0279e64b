namespace MoE.Onnx;

/// <summary>One expert network in standard operators.</summary>
internal static class ExpertGraph
{
    private static readonly OnnxAttribute Transposed = OnnxAttribute.Int("transB", 1);

    /// <summary>expert(rows), [n, D]. <paramref name="weight"/> gives the value name of a part (<c>gate</c>, <c>down_bias</c>, ...).</summary>
    public static string Write(GraphScope g, ExpertSpec spec, string rows, Func<string, string> weight, string name = "expert_output")
    {
        string up = Product(g, spec, rows, weight, "up");
        string hidden;
        if (spec.Form == ExpertForm.FeedForward)
        {
            hidden = Activate(g, spec, up);
        }
        else
        {
            string gate = Product(g, spec, rows, weight, "gate");
            if (spec.Limit is { } limit)
            {
                gate = g.Op("Min", "gate_limited", [gate, g.Scalar((float)limit)]);
                up = g.Op("Clip", "up_limited", [up, g.Scalar((float)-limit), g.Scalar((float)limit)]);
            }

            if (spec.UpOffset != 0) up = g.Op("Add", "up_offset", [up, g.Scalar((float)spec.UpOffset)]);
            hidden = g.Op("Mul", "hidden", [Activate(g, spec, gate), up]);
        }

        return Product(g, spec, hidden, weight, "down", name);
    }

    // x W^T + b, on weights as they lie in the source.
    private static string Product(GraphScope g, ExpertSpec spec, string x, Func<string, string> weight, string part, string? name = null) => spec.Biases
        ? g.Op("Gemm", name ?? part, [x, weight(part), weight(part + "_bias")], Transposed)
        : g.Op("Gemm", name ?? part, [x, weight(part)], Transposed);

    private static string Activate(GraphScope g, ExpertSpec spec, string x)
    {
        switch (spec.Activation)
        {
            case Activation.Relu:
                return g.Op("Relu", "activated", [x]);
            case Activation.Gelu:
                return g.Opset < 20 ? Half(g, x, g.Op("Erf", "error_function", [g.Op("Mul", "scaled", [x, g.Scalar(MathF.Sqrt(0.5f))])])) : g.Op("Gelu", "activated", [x]);
            case Activation.GeluTanh:
                return g.Opset < 20 ? Half(g, x, TanhOfCubic(g, x)) : g.Op("Gelu", "activated", [x], OnnxAttribute.Text("approximate", "tanh"));
            case Activation.Silu:
                string slope = spec.Alpha == 1 ? x : g.Op("Mul", "sloped", [x, g.Scalar((float)spec.Alpha)]);
                return g.Op("Mul", "activated", [x, g.Op("Sigmoid", "gating", [slope])]);
            default:
                return x;
        }
    }

    // x (1 + y) / 2: how both forms of GELU end. The operator itself came with opset 20.
    private static string Half(GraphScope g, string x, string y) =>
        g.Op("Mul", "activated", [g.Op("Mul", "half", [x, g.Scalar(0.5f)]), g.Op("Add", "one_plus", [y, g.Scalar(1f)])]);

    private static string TanhOfCubic(GraphScope g, string x)
    {
        string cube = g.Op("Mul", "cube", [g.Op("Mul", "square", [x, x]), x]);
        string inner = g.Op("Add", "cubic", [x, g.Op("Mul", "cube_part", [cube, g.Scalar(0.044715f)])]);
        return g.Op("Tanh", "tanh", [g.Op("Mul", "scaled", [inner, g.Scalar(MathF.Sqrt(2 / MathF.PI))])]);
    }
}
