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

    public string Peer => "transformers";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["MixtralSparseMoeBlock"] = static c => Block(c, w => LayerProfiles.Mixtral(w.Model, w.Expert, c.Int("num_local_experts"), K(c))),
        ["OlmoeSparseMoeBlock.norm"] = Olmoe,
        ["OlmoeSparseMoeBlock.nonorm"] = Olmoe,
        ["Qwen2MoeSparseMoeBlock"] = static c => Block(c, w => LayerProfiles.Qwen2Moe(w.Model, w.Expert, w.Shared, E(c), K(c), c.Bool("norm_topk_prob"))),
        ["Qwen3MoeSparseMoeBlock.norm"] = Qwen3,
        ["Qwen3MoeSparseMoeBlock.nonorm"] = Qwen3,
        ["JambaSparseMoeBlock"] = static c => Block(c, w => LayerProfiles.Olmoe(w.Model, w.Expert, E(c), K(c))),
        ["GraniteMoeMoE"] = Granite,
        ["AriaTextMoELayer"] = Aria,
        ["DbrxFFN"] = Dbrx,
        ["DeepseekV2MoE"] = DeepseekV2,
        ["DeepseekV3MoE"] = DeepseekV3,
        ["Llama4TextMoe"] = Llama4,
        ["load_balancing_loss_func"] = LoadBalancing,
    };

    private static int E(CaseReader c) => c.Int("num_experts");

    private static int K(CaseReader c) => c.Int("num_experts_per_tok");

    private static LayerPlan Olmoe(CaseReader c) => Block(c, w => LayerProfiles.Olmoe(w.Model, w.Expert, E(c), K(c), c.Bool("norm_topk_prob")));

    private static LayerPlan Qwen3(CaseReader c) => Block(c, w => LayerProfiles.Qwen3Moe(w.Model, w.Expert, E(c), K(c), c.Bool("norm_topk_prob")));

    private static LayerPlan Block(CaseReader c, Func<Widths, MoELayerSpec> layer) => new LayerCase(c) { Layer = layer, Activation = c.Word("hidden_act"), Outputs = RoutingAndLogits }
        .WithGluExperts()
        .WithSharedExpert()
        .WithOptional("router_shared_gate.weight", WeightNames.SharedScalarGate)
        .Plan();

    private static LayerPlan Granite(CaseReader c) => new LayerCase(c)
    {
        Layer = w => Specs.Glu(w, RouterProfiles.MistralInference(c.Int("num_local_experts"), K(c))),
        Activation = c.Word("hidden_act"),
        Outputs = new Dictionary<string, Quantity>(RoutingAndLogits) { ["expert_size"] = Quantity.Load },
    }.WithFusedExperts("experts.input_linear", Layout.GateThenUp, "experts.output_linear", Layout.Same).Plan();

    private static LayerPlan Aria(CaseReader c) => new LayerCase(c)
    {
        Layer = w => Specs.Glu(w, RouterProfiles.MistralInference(c.Int("moe_num_experts"), c.Int("moe_topk"))),
        Activation = c.Word("hidden_act"),
        Outputs = new Dictionary<string, Quantity> { ["topk_logits"] = Quantity.ChosenLogits, ["topk_indices"] = Quantity.Experts },
    }.WithFusedExperts("experts.fc1", Layout.GateThenUpColumns, "experts.fc2", Layout.Transposed).WithSharedExpert().Plan();

    private static LayerPlan Dbrx(CaseReader c)
    {
        int experts = c.Int("moe_num_experts");
        var flat = Layout.FlatExperts(experts);
        return new LayerCase(c)
        {
            Layer = w => Specs.Glu(w, RouterProfiles.MegaBlocks(experts, c.Int("moe_top_k"), c.DoubleOrNull("moe_normalize_expert_weights"))),
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
        var (groups, keep) = c.Word("topk_method") switch
        {
            "greedy" => (1, 1),
            "group_limited_greedy" => (c.Int("n_group"), c.Int("topk_group")),
            var method => throw new NotSupportedException($"topk_method {method} is not known"),
        };
        return new LayerCase(c)
        {
            Layer = w => LayerProfiles.DeepSeekV2(w.Model, w.Expert, c.Int("n_routed_experts"), K(c), groups, keep, c.Double("routed_scaling_factor"), Shared(c)),
            Activation = c.Word("hidden_act"),
            Outputs = Routing,
        }.WithGluExperts().WithSharedExpert().Plan();
    }

    private static LayerPlan DeepseekV3(CaseReader c)
    {
        int experts = c.Int("n_routed_experts"), groups = c.Int("n_group"), keep = c.Int("topk_group");
        double scale = c.Double("routed_scaling_factor");
        return new LayerCase(c)
        {
            Layer = w => LayerProfiles.DeepSeekV3(w.Model, w.Expert, experts, K(c), groups, keep, scale, Shared(c)) with
            {
                Router = RouterProfiles.TransformersDeepSeekV3(experts, K(c), groups, keep, scale, c.Bool("norm_topk_prob")),
            },
            Activation = c.Word("hidden_act"),
            Outputs = Routing,
        }.WithGluExperts().With(Link.Of("router.e_score_correction_bias", WeightNames.SelectionBias)).WithSharedExpert().Plan();
    }

    private static int Shared(CaseReader c) => c.IntOrNull("n_shared_experts") ?? 0;

    private static LayerPlan Llama4(CaseReader c) => new LayerCase(c)
    {
        Layer = w => LayerProfiles.Llama4(w.Model, w.Expert, c.Int("num_local_experts"), K(c)),
        Activation = c.Word("hidden_act"),
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
