using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>torchtitan's token-choice router.</summary>
internal sealed class Torchtitan : IAdapter
{
    public string Peer => "torchtitan";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["TokenChoiceTopKRouter"] = Router };

    private static GatePlan Router(CaseReader c)
    {
        var bias = c.InputOrNull("expert_bias");
        return new GatePlan
        {
            Router = RouterProfiles.Torchtitan(
                c.Int("num_experts"),
                c.Int("top_k"),
                Specs.Function(c.Word("score_func")),
                c.Bool("route_norm"),
                c.Double("route_scale"),
                bias is not null,
                c.IntOrNull("num_expert_groups") ?? 1,
                c.IntOrNull("num_limited_groups") ?? 1) with { Ties = TieRule.Native },
            Tokens = c.Input("x").Rows(),
            Weight = c.Weight("gate.weight"),
            Bias = c.WeightOrNull("gate.bias"),
            SelectionBias = bias,
            Outputs = new Dictionary<string, Quantity> { ["topk_scores"] = Quantity.Weights, ["topk_expert_ids"] = Quantity.Experts, ["scores"] = Quantity.Scores },
            Differentiated = Quantity.Weights,
            Cotangent = c.InputOrNull("cotangent_topk_scores"),
            Variables = [Link.Of("x", "tokens"), Link.Of("gate.weight", WeightNames.Router), Link.Of("gate.bias", WeightNames.RouterBias), Link.Of("expert_bias", WeightNames.SelectionBias)],
        };
    }
}
