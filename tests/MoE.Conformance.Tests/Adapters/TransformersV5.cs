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
        ["v5.Ernie4_5_MoeSparseMoeBlock"] = Ernie,
    };

    // What the peer calls router logits are probabilities, and the files say so.
    private static GatePlan MixtralRouter(CaseReader c) => new()
    {
        Router = RouterProfiles.Mixtral(c.Int("num_experts"), c.Int("top_k")) with { Ties = TieRule.Native },
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
        Layer = w => LayerProfiles.GptOss(w.Model, w.Expert, c.Int("num_local_experts"), c.Int("num_experts_per_tok")),
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
        Layer = w => Specs.Glu(w, Sigmoid(c, usesBias: true, Specs.Weigh(true, 1e-20, c.Double("route_scale"))) with { Logits = LogitPrecision.Single }),
        Activation = c.Word("hidden_act"),
        Outputs = new Dictionary<string, Quantity> { ["topk_scores"] = Quantity.Weights, ["topk_indices"] = Quantity.Experts },
    }.WithGluExperts().With(Link.Of("router.expert_bias", WeightNames.SelectionBias)).WithSharedExpert().Plan();

    private static LayerPlan Lfm2(CaseReader c) => new LayerCase(c)
    {
        Layer = w => Specs.Glu(w, Sigmoid(c, c.Bool("use_expert_bias"), Specs.Weigh(c.Bool("norm_topk_prob"), 1e-6, c.Double("routed_scaling_factor")))),
        Outputs = Routing,
    }
        .WithFusedExperts("experts.gate_up_proj", Layout.GateThenUp, "experts.down_proj", Layout.Same)
        .WithOptional("router.expert_bias", WeightNames.SelectionBias)
        .Plan();

    private static RouterSpec Sigmoid(CaseReader c, bool usesBias, WeighSpec weigh) => new()
    {
        Experts = c.Int("num_experts"),
        Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
        Select = new TopKSelection { K = c.Int("num_experts_per_tok"), UsesBias = usesBias },
        Weigh = weigh,
    };

    private static LogitsPlan HunYuanRoute(CaseReader c) => new()
    {
        Router = RouterProfiles.Mixtral(c.Int("num_experts"), c.Int("top_k")) with { Ties = TieRule.Native },
        Logits = c.Input("router_logits").Rows(),
        Outputs = new Dictionary<string, Quantity> { ["indices"] = Quantity.Experts, ["weights_dense"] = Quantity.DenseWeights },
        Differentiated = Quantity.DenseWeights,
        Cotangent = c.InputOrNull("cotangent_weights"),
        Variables = [Link.Of("router_logits", "logits")],
    };

    // Rows of the gate-up matrix behind the feed-forward experts are there and not used.
    private static LayerPlan Longcat(CaseReader c)
    {
        int experts = c.Int("n_routed_experts"), copies = c.Int("zero_expert_num");
        var first = Layout.FirstRows(experts, c.Weight("experts.gate_up_proj").Size(0));
        return new LayerCase(c)
        {
            Layer = w => Specs.Glu(w, RouterProfiles.LongcatFlash(experts, copies, c.Int("moe_topk"), c.Double("routed_scaling_factor"))) with
            {
                Special = copies == 0 ? null : new SpecialExperts { Copy = copies },
            },
            Activation = c.Word("hidden_act"),
            Outputs = Routing,
        }
            .WithFusedExperts("experts.gate_up_proj", Layout.Then(first, Layout.GateThenUp), "experts.down_proj", Layout.Same)
            .With(Link.Of("router.e_score_correction_bias", WeightNames.SelectionBias))
            .Plan();
    }

    private static LayerPlan Ernie(CaseReader c) => new LayerCase(c)
    {
        Layer = w => Specs.Glu(w, RouterProfiles.Ernie45(c.Int("moe_num_experts"), c.Int("moe_k"), c.Double("moe_norm_min"))),
        Activation = c.Word("hidden_act"),
        Outputs = new Dictionary<string, Quantity>(Routing) { ["router_probabilities"] = Quantity.Scores },
    }
        .WithFusedExperts("experts.gate_up_proj", Layout.GateThenUp, "experts.down_proj", Layout.Same)
        .With(Link.Of("router.e_score_correction_bias", WeightNames.SelectionBias, Layout.OneRow))
        .WithSharedExpert()
        .Plan();
}
