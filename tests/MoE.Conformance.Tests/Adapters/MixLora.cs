using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

namespace MoE.Conformance.Adapters;

/// <summary>MixLoRA's sparse block.</summary>
internal sealed class MixLora : IAdapter
{
    public string Peer => "mixlora";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MixLoraSparseMoe"] = Block };

    private static NamedTorchPlan Block(CaseReader c)
    {
        int experts = c.Int("num_experts");
        var x = c.Input("x");
        var spec = new LoraSpec { Rank = c.Int("lora_r"), Alpha = c.Double("lora_alpha"), RankStabilized = c.Bool("use_rslora") };
        var router = RouterProfiles.Mixtral(experts, c.Int("top_k")) with { Ties = TieRule.Native };
        var weights = new Dictionary<string, GoldenTensor> { ["router.weight"] = c.Weight("router.weight") };
        var links = new List<Link> { Link.Of("x", "x"), Link.Of("router.weight", "router.weight") };
        var on = (GluProjections)0;
        foreach (var (name, own, projection) in new[] { ("gate_proj", "gate_lora", GluProjections.Gate), ("up_proj", "up_lora", GluProjections.Up), ("down_proj", "down_lora", GluProjections.Down) })
        {
            weights[$"{name}.weight"] = c.Weight($"base.{name}.weight");
            links.Add(Link.Of($"base.{name}.weight", $"{name}.weight"));
            if (!c.HasWeight($"experts.0.{name}.lora_A")) continue;
            on |= projection;
            foreach (int e in Enumerable.Range(0, experts))
            {
                foreach (string factor in new[] { "lora_A", "lora_B" })
                {
                    weights[$"{own}.{factor}.{e}.weight"] = c.Weight($"experts.{e}.{name}.{factor}");
                    links.Add(Link.Of($"experts.{e}.{name}.{factor}", $"{own}.{factor}.{e}.weight"));
                }
            }
        }

        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new MixLoraLayer(
                    new TopKGate(router, x.Size(^1)),
                    LoraCases.Linear(weights, "gate_proj."),
                    LoraCases.Linear(weights, "up_proj."),
                    LoraCases.Linear(weights, "down_proj."),
                    spec,
                    on);
                run.Load(layer, "", weights);
                // The recorded gradients include those of the base weights, which the layer freezes.
                foreach (var parameter in layer.parameters()) parameter.requires_grad = true;
                run["output"] = layer.call(run.Leaf("x", x));
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), links)],
        };
    }
}
