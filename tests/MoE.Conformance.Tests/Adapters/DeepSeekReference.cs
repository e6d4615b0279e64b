using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>The gate of DeepSeek's own inference code.</summary>
internal sealed class DeepSeekReference : IAdapter
{
    public string Peer => "deepseek_v3_reference";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["Gate"] = Gate };

    private static GatePlan Gate(CaseReader c)
    {
        var bias = c.WeightOrNull("router.bias");
        double scale = c.Double("route_scale");
        // The profile takes logits in single precision, as training does; this code takes them in the input's.
        var router = RouterProfiles.DeepSeekV3(c.Int("n_routed_experts"), c.Int("topk"), c.Int("n_groups"), c.Int("topk_groups"), scale, bias: bias is not null) with
        {
            Logits = LogitPrecision.Input,
            Ties = TieRule.Native,
        };
        return new GatePlan
        {
            Router = Specs.Function(c.Word("score_func")) switch
            {
                ScoreFunction.Sigmoid => router,
                // The gate of DeepSeek-V2 in the same code: probabilities, not divided by their sum.
                var score => router with { Score = new ScoreSpec { Function = score }, Weigh = Specs.Weigh(false, 0, scale) },
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
