using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

namespace MoE.Conformance.Adapters;

internal sealed class Colt5 : IAdapter
{
    public string Peer => "colt5_attention";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["coor_descent"] = Descent, ["topk"] = TopK };

    private static CoordinateDescentSpec Spec(CaseReader c) => new()
    {
        Ratio = c.DoubleOr("coor_descent_k_ratio", 1.125),
        Iterations = c.Int("n_iters"),
        Epsilon = c.Double("eps"),
        InitialEpsilon = c.DoubleOrNull("eps_init"),
        EpsilonDecay = c.DoubleOr("eps_decay", 1),
    };

    private static NamedTorchPlan Descent(CaseReader c)
    {
        var s = c.Input("s");
        var mask = c.InputOrNull("mask");
        var spec = Spec(c);
        double k = c.Double("k");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) => run["scores"] = SoftTopK.coordinate_descent(run.Leaf("s", s), k, spec, TorchValues.Tensor(mask)),
            Managed = (values, _) =>
            {
                int width = s.Size(^1);
                float[][] rows = [.. HostValues.Floats(s).Chunk(width)];
                bool[][] open = mask is null ? [.. rows.Select(static _ => (bool[])[])] : [.. HostValues.Bools(mask).Chunk(width)];
                foreach (var (row, takesPart) in rows.Zip(open)) CoordinateDescent.Solve([.. row], k, spec, takesPart, row);
                values["scores"] = HostValues.Singles([.. s.Shape], [.. rows.SelectMany(static row => row)]);
            },
            Derivatives = [new("scores", c.InputOrNull("cotangent"), [Link.Of("s", "s")])],
        };
    }

    private static NamedTorchPlan TopK(CaseReader c)
    {
        var x = c.Input("x");
        var mask = c.InputOrNull("mask");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var (values, indices, gates) = SoftTopK.top_k(run.Leaf("x", x), c.Int("k"), Spec(c), TorchValues.Tensor(mask));
                run["values"] = values;
                run["indices"] = indices;
                run["gates"] = gates;
                run["coor_descent_values"] = gates;
            },
            Derivatives = [new("values", c.InputOrNull("cotangent_values"), [Link.Of("x", "x")])],
        };
    }
}
