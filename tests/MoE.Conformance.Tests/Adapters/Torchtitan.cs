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
        double scale = c.Double("route_scale");
        return new GatePlan
        {
            Router = new RouterSpec
            {
                Experts = c.Int("num_experts"),
                Logits = LogitPrecision.Single,
                Score = new ScoreSpec { Function = Specs.Function(c.Word("score_func")) },
                Select = new TopKSelection
                {
                    K = c.Int("top_k"),
                    Groups = c.IntOrNull("num_expert_groups") is { } groups
                        ? new GroupLimit { Count = groups, Keep = c.Int("num_limited_groups"), Score = GroupScore.SumOfTopTwo, Mask = GroupMask.NegativeInfinity }
                        : null,
                    UsesBias = bias is not null,
                },
                Weigh = c.Bool("route_norm") ? Specs.Sum(1e-20, scale) : Specs.Raw(scale),
                Ties = TieRule.Native,
            },
            Tokens = c.Input("x").Rows(),
            Weight = c.Weight("gate.weight"),
            Bias = c.WeightOrNull("gate.bias"),
            SelectionBias = bias,
            Outputs = new Dictionary<string, Quantity> { ["topk_scores"] = Quantity.Weights, ["topk_expert_ids"] = Quantity.Experts, ["scores"] = Quantity.Scores },
            Differentiated = Quantity.Weights,
            Cotangent = c.InputOrNull("cotangent_topk_scores"),
            Variables = [Link.Of("x", "tokens"), Link.Of("gate.weight", WeightNames.Router), Link.Of("gate.bias", WeightNames.RouterBias)],
        };
    }
}
