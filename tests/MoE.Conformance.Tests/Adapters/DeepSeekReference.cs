using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>The gate of DeepSeek's own inference code.</summary>
internal sealed class DeepSeekReference : IAdapter
{
    public string Peer => "deepseek_v3_reference";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["Gate"] = Gate };

    private static GatePlan Gate(CaseReader c)
    {
        var score = Specs.Function(c.Word("score_func"));
        var bias = c.WeightOrNull("router.bias");
        double scale = c.Double("route_scale");
        int groups = c.Int("n_groups");
        return new GatePlan
        {
            Router = new RouterSpec
            {
                Experts = c.Int("n_routed_experts"),
                Score = new ScoreSpec { Function = score },
                Select = new TopKSelection
                {
                    K = c.Int("topk"),
                    Groups = groups > 1
                        ? new GroupLimit { Count = groups, Keep = c.Int("topk_groups"), Score = bias is null ? GroupScore.Max : GroupScore.SumOfTopTwo, Mask = GroupMask.NegativeInfinity }
                        : null,
                    UsesBias = bias is not null,
                },
                Weigh = score == ScoreFunction.Sigmoid ? Specs.Sum(0, scale) : Specs.Raw(scale),
                Ties = TieRule.Native,
            },
            Tokens = c.Input("x").Rows(),
            Weight = c.Weight("router.weight"),
            SelectionBias = bias,
            Outputs = new Dictionary<string, Quantity> { ["weights"] = Quantity.Weights, ["indices"] = Quantity.Experts },
            Differentiated = Quantity.Weights,
            Cotangent = c.InputOrNull("cotangent_weights"),
            Variables = [Link.Of("x", "tokens"), Link.Of("router.weight", WeightNames.Router), Link.Of("router.bias", WeightNames.SelectionBias)],
        };
    }
}
