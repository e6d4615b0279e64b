using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>transformers 5: gpt-oss, the Mixtral router, AFMoE, LFM2, HunYuan and LongCat without zero experts.</summary>
internal sealed class TransformersV5 : IAdapter
{
    private static readonly Dictionary<string, Quantity> Routing = new()
    {
        ["topk_weights"] = Quantity.Weights,
        ["topk_indices"] = Quantity.Experts,
    };

    public string Peer => "transformers";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["v5.MixtralTopKRouter"] = MixtralRouter,
        ["v5.GptOssMLP"] = GptOss,
        ["v5.AfmoeMoE"] = Afmoe,
        ["v5.Lfm2MoeSparseMoeBlock"] = Lfm2,
        ["v5.HunYuanMoE_route"] = HunYuanRoute,
        ["v5.LongcatFlashMoE"] = Longcat,
    };

    // What the peer calls router logits are probabilities, and the files say so.
    private static GatePlan MixtralRouter(CaseReader c) => new()
    {
        Router = Specs.Softmax(c.Int("num_experts"), c.Int("top_k"), Specs.Sum()) with { Ties = TieRule.Native },
        Tokens = c.Input("hidden_states").Rows(),
        Weight = c.Weight("router.weight"),
        Outputs = new Dictionary<string, Quantity>
        {
            ["router_probabilities"] = Quantity.Scores,
            ["router_scores"] = Quantity.Weights,
            ["router_indices"] = Quantity.Experts,
        },
        Differentiated = Quantity.Weights,
        Cotangent = c.InputOrNull("cotangent_scores"),
        Variables = [Link.Of("hidden_states", "tokens"), Link.Of("router.weight", WeightNames.Router)],
    };

    private static LayerPlan GptOss(CaseReader c) => new LayerCase(c)
    {
        Router = Specs.AfterTopK(c.Int("num_local_experts"), c.Int("num_experts_per_tok"), ScoreFunction.Softmax),
        Expert = new ExpertSpec { Width = 1, Layout = GluLayout.Interleaved, Alpha = 1.702, Limit = 7, UpOffset = 1 },
        Outputs = new Dictionary<string, Quantity>
        {
            ["router_scores"] = Quantity.Weights,
            ["topk_indices"] = Quantity.Experts,
            ["router_logits"] = Quantity.Logits,
        },
    }
        .WithFusedExperts("experts.gate_up_proj", Layout.GateUpInTurnsColumns, "experts.down_proj", Layout.Transposed)
        .With(Link.Of("router.bias", WeightNames.RouterBias))
        .With(Link.Of("experts.gate_up_proj_bias", WeightNames.ExpertGateBias, WeightNames.ExpertUpBias, Layout.GateUpInTurns))
        .With(Link.Of("experts.down_proj_bias", WeightNames.ExpertDownBias))
        .Plan();

    private static LayerPlan Afmoe(CaseReader c) => new LayerCase(c)
    {
        Router = Sigmoid(c, usesBias: true, Specs.Sum(1e-20, c.Double("route_scale"))) with { Logits = LogitPrecision.Single },
        Expert = Specs.Glu(c.Word("hidden_act")),
        Outputs = new Dictionary<string, Quantity> { ["topk_scores"] = Quantity.Weights, ["topk_indices"] = Quantity.Experts },
    }.WithGluExperts().With(Link.Of("router.expert_bias", WeightNames.SelectionBias)).WithSharedExpert().Plan();

    private static LayerPlan Lfm2(CaseReader c)
    {
        double scale = c.Double("routed_scaling_factor");
        return new LayerCase(c)
        {
            Router = Sigmoid(c, c.Bool("use_expert_bias"), c.Bool("norm_topk_prob") ? Specs.Sum(1e-6, scale) : Specs.Raw(scale)),
            Outputs = Routing,
        }
            .WithFusedExperts("experts.gate_up_proj", Layout.GateThenUp, "experts.down_proj", Layout.Same)
            .WithOptional("router.expert_bias", WeightNames.SelectionBias)
            .Plan();
    }

    private static RouterSpec Sigmoid(CaseReader c, bool usesBias, WeighSpec weigh) => new()
    {
        Experts = c.Int("num_experts"),
        Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
        Select = new TopKSelection { K = c.Int("num_experts_per_tok"), UsesBias = usesBias },
        Weigh = weigh,
    };

    private static LogitsPlan HunYuanRoute(CaseReader c) => new()
    {
        Router = Specs.Softmax(c.Int("num_experts"), c.Int("top_k"), Specs.Sum()) with { Ties = TieRule.Native },
        Logits = c.Input("router_logits").Rows(),
        Outputs = new Dictionary<string, Quantity> { ["indices"] = Quantity.Experts, ["weights_dense"] = Quantity.DenseWeights },
        Differentiated = Quantity.DenseWeights,
        Cotangent = c.InputOrNull("cotangent_weights"),
        Variables = [Link.Of("router_logits", "logits")],
    };

    private static LayerPlan Longcat(CaseReader c) => new LayerCase(c)
    {
        Router = Specs.Softmax(c.Int("n_routed_experts"), c.Int("moe_topk"), Specs.Raw(c.Double("routed_scaling_factor"))) with
        {
            Logits = LogitPrecision.Single,
            Select = new TopKSelection { K = c.Int("moe_topk"), UsesBias = true },
        },
        Expert = Specs.Glu(c.Word("hidden_act")),
        Outputs = Routing,
    }
        .WithFusedExperts("experts.gate_up_proj", Layout.GateThenUp, "experts.down_proj", Layout.Same)
        .With(Link.Of("router.e_score_correction_bias", WeightNames.SelectionBias))
        .Plan();
}
