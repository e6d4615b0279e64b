using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>transformers 4: the Mixtral family, DeepSeek, Llama 4 and the pooled load-balancing loss.</summary>
internal sealed class Transformers : IAdapter
{
    private static readonly Dictionary<string, Quantity> Routing = new()
    {
        ["topk_weights"] = Quantity.Weights,
        ["topk_indices"] = Quantity.Experts,
    };

    private static readonly Dictionary<string, Quantity> RoutingAndLogits = new(Routing) { ["router_logits"] = Quantity.Logits };

    private static readonly Dictionary<string, Quantity> Grouped = new(RoutingAndLogits) { ["expert_size"] = Quantity.Load };

    public string Peer => "transformers";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["MixtralSparseMoeBlock"] = static c => Mixtral(c, "num_local_experts", Specs.Sum()),
        ["OlmoeSparseMoeBlock.norm"] = static c => Mixtral(c, "num_experts", Normalised(c)),
        ["OlmoeSparseMoeBlock.nonorm"] = static c => Mixtral(c, "num_experts", Normalised(c)),
        ["Qwen2MoeSparseMoeBlock"] = static c => Mixtral(c, "num_experts", Normalised(c)),
        ["Qwen3MoeSparseMoeBlock.norm"] = static c => Mixtral(c, "num_experts", Normalised(c)),
        ["Qwen3MoeSparseMoeBlock.nonorm"] = static c => Mixtral(c, "num_experts", Normalised(c)),
        ["JambaSparseMoeBlock"] = static c => Mixtral(c, "num_experts", Specs.Raw()),
        ["GraniteMoeMoE"] = Granite,
        ["AriaTextMoELayer"] = Aria,
        ["DbrxFFN"] = Dbrx,
        ["DeepseekV2MoE"] = DeepseekV2,
        ["DeepseekV3MoE"] = DeepseekV3,
        ["Llama4TextMoe"] = Llama4,
        ["load_balancing_loss_func"] = LoadBalancing,
    };

    private static WeighSpec Normalised(CaseReader c) => c.Bool("norm_topk_prob") ? Specs.Sum() : Specs.Raw();

    private static LayerPlan Mixtral(CaseReader c, string experts, WeighSpec weigh) => new LayerCase(c)
    {
        Router = Specs.Softmax(c.Int(experts), c.Int("num_experts_per_tok"), weigh),
        Expert = Specs.Glu(c.Word("hidden_act")),
        Outputs = RoutingAndLogits,
    }.WithGluExperts().WithSharedExpert().WithOptional("router_shared_gate.weight", WeightNames.SharedScalarGate).Plan();

    private static LayerPlan Granite(CaseReader c) => new LayerCase(c)
    {
        Router = Specs.AfterTopK(c.Int("num_local_experts"), c.Int("num_experts_per_tok"), ScoreFunction.Softmax),
        Expert = Specs.Glu(c.Word("hidden_act")),
        Outputs = Grouped,
    }.WithFusedExperts("experts.input_linear", Layout.GateThenUp, "experts.output_linear", Layout.Same).Plan();

    private static LayerPlan Aria(CaseReader c) => new LayerCase(c)
    {
        Router = Specs.AfterTopK(c.Int("moe_num_experts"), c.Int("moe_topk"), ScoreFunction.Softmax),
        Expert = Specs.Glu(c.Word("hidden_act")),
        Outputs = new Dictionary<string, Quantity> { ["topk_logits"] = Quantity.ChosenLogits, ["topk_indices"] = Quantity.Experts },
    }.WithFusedExperts("experts.fc1", Layout.GateThenUpColumns, "experts.fc2", Layout.Transposed).WithSharedExpert().Plan();

    private static LayerPlan Dbrx(CaseReader c)
    {
        int experts = c.Int("moe_num_experts");
        var flat = Layout.FlatExperts(experts);
        return new LayerCase(c)
        {
            Router = Specs.Softmax(experts, c.Int("moe_top_k"), c.DoubleOrNull("moe_normalize_expert_weights") is { } p
                ? new WeighSpec { Normalization = WeightNormalization.PNorm, P = p }
                : Specs.Raw()),
            Outputs = new Dictionary<string, Quantity>(Routing) { ["router_weights_all"] = Quantity.Scores },
        }
            .With(Link.Of("router.weight", WeightNames.Router))
            .With(Link.Of("experts.w1", WeightNames.ExpertGate, flat))
            .With(Link.Of("experts.v1", WeightNames.ExpertUp, flat))
            .With(Link.Of("experts.w2", WeightNames.ExpertDown, Layout.Then(flat, Layout.Transposed)))
            .Plan();
    }

    // norm_topk_prob is read by the peer and not used.
    private static LayerPlan DeepseekV2(CaseReader c)
    {
        var groups = c.Word("topk_method") switch
        {
            "greedy" => null,
            "group_limited_greedy" => new GroupLimit { Count = c.Int("n_group"), Keep = c.Int("topk_group"), Score = GroupScore.Max, Mask = GroupMask.Zero },
            var method => throw new NotSupportedException($"topk_method {method} is not known"),
        };
        return new LayerCase(c)
        {
            Router = new RouterSpec
            {
                Experts = c.Int("n_routed_experts"),
                Logits = LogitPrecision.Single,
                Select = new TopKSelection { K = c.Int("num_experts_per_tok"), Groups = groups },
                Weigh = Specs.Raw(c.Double("routed_scaling_factor")),
            },
            Expert = Specs.Glu(c.Word("hidden_act")),
            Outputs = Routing,
        }.WithGluExperts().WithSharedExpert().Plan();
    }

    private static LayerPlan DeepseekV3(CaseReader c)
    {
        double scale = c.Double("routed_scaling_factor");
        return new LayerCase(c)
        {
            Router = new RouterSpec
            {
                Experts = c.Int("n_routed_experts"),
                Logits = LogitPrecision.Single,
                Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
                Select = new TopKSelection
                {
                    K = c.Int("num_experts_per_tok"),
                    Groups = new GroupLimit { Count = c.Int("n_group"), Keep = c.Int("topk_group"), Score = GroupScore.SumOfTopTwo, Mask = GroupMask.Zero },
                    UsesBias = true,
                },
                Weigh = c.Bool("norm_topk_prob") ? Specs.Sum(1e-20, scale) : Specs.Raw(scale),
            },
            Expert = Specs.Glu(c.Word("hidden_act")),
            Outputs = Routing,
        }.WithGluExperts().With(Link.Of("router.e_score_correction_bias", WeightNames.SelectionBias)).WithSharedExpert().Plan();
    }

    private static LayerPlan Llama4(CaseReader c) => new LayerCase(c)
    {
        Router = Specs.AfterTopK(c.Int("num_local_experts"), c.Int("num_experts_per_tok"), ScoreFunction.Sigmoid),
        Expert = Specs.Glu(c.Word("hidden_act")),
        Weighted = WeightedSide.Input,
        Outputs = new Dictionary<string, Quantity>
        {
            ["topk_indices"] = Quantity.Experts,
            ["topk_logits"] = Quantity.ChosenLogits,
            ["second_return"] = Quantity.WeightsByExpert,
        },
    }.WithFusedExperts("experts.gate_up_proj", Layout.GateThenUpColumns, "experts.down_proj", Layout.Transposed).WithSharedExpert().Plan();

    private static PooledLossPlan LoadBalancing(CaseReader c) => new()
    {
        Logits = c.Input("gate_logits"),
        Choices = c.Int("top_k"),
        Padding = c.InputOrNull("attention_mask")?.ToFlags().Not().Reshape(-1),
        Outputs = new Dictionary<string, Quantity> { ["loss"] = Quantity.Loss },
        Differentiated = Quantity.Loss,
        Variables = [Link.Of("gate_logits", "logits")],
    };
}
