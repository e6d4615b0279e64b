using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>Megatron-LM: <c>moe_utils.py</c>. Null and zero mean "not given" in its options.</summary>
internal sealed class Megatron : IAdapter
{
    public string Peer => "megatron";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["topk_routing_with_score_function"] = TopKRouting,
        ["group_limited_topk"] = GroupLimitedTopK,
        ["compute_routing_scores_for_aux_loss"] = AuxiliaryScores,
        ["switch_load_balancing_loss_func"] = SwitchLoss,
        ["z_loss_func"] = ZLoss,
        ["get_capacity"] = Capacity,
        ["apply_router_token_dropping"] = Dropping,
    };

    private static LogitsPlan TopKRouting(CaseReader c)
    {
        var bias = c.InputOrNull("expert_bias");
        var router = Router(c, c.Int("num_experts"), Specs.Function(c.Word("score_function")), bias is not null);
        return new LogitsPlan
        {
            Router = router,
            Logits = c.Input("logits"),
            SelectionBias = router.UsesSelectionBias ? bias : null,
            Outputs = new Dictionary<string, Quantity>
            {
                ["routing_probs"] = Quantity.DenseWeights,
                ["routing_map"] = Quantity.Map,
                ["dense_probs"] = Quantity.Weights,
                ["dense_indices"] = Quantity.Experts,
            },
            Differentiated = Quantity.DenseWeights,
            Cotangent = c.InputOrNull("cotangent_routing_probs"),
            Variables = [Link.Of("logits", "logits")],
        };
    }

    // Softmax scores know no selection bias here: the peer does not look at it.
    private static RouterSpec Router(CaseReader c, int experts, ScoreFunction function, bool hasBias)
    {
        double? scale = c.DoubleOrNull("scaling_factor");
        var (groups, keep) = Groups(c);
        bool biased = hasBias && function != ScoreFunction.Softmax;
        return RouterProfiles.Megatron(experts, c.Int("topk"), function, c.Bool("use_pre_softmax"), groups, keep, scale is null or 0 ? 1 : scale.Value, biased) with { Ties = TieRule.Native };
    }

    private static (int Count, int Keep) Groups(CaseReader c) => c.IntOrNull("group_topk") is null or 0 ? (1, 1) : (c.Int("num_groups"), c.Int("group_topk"));

    private static LogitsPlan GroupLimitedTopK(CaseReader c)
    {
        var scores = c.Input("scores");
        var (groups, keep) = Groups(c);
        return new LogitsPlan
        {
            Router = RouterProfiles.Megatron(scores.Size(^1), c.Int("topk"), preSoftmax: true, groups: groups, keepGroups: keep) with
            {
                Score = new ScoreSpec { Function = ScoreFunction.Identity },
                Ties = TieRule.Native,
            },
            Logits = scores,
            Outputs = new Dictionary<string, Quantity> { ["probs"] = Quantity.Weights, ["indices"] = Quantity.Experts },
            Differentiated = Quantity.Weights,
            Cotangent = c.InputOrNull("cotangent_probs"),
            Variables = [Link.Of("scores", "logits")],
        };
    }

    private static AuxiliaryRoutingPlan AuxiliaryScores(CaseReader c)
    {
        var logits = c.Input("logits");
        return new AuxiliaryRoutingPlan
        {
            Router = new RouterSpec { Experts = logits.Size(^1), Score = new ScoreSpec { Function = ScoreFunction.Identity }, Select = new TopKSelection { K = c.Int("topk") }, Ties = TieRule.Native },
            Logits = logits,
            Function = Specs.Function(c.Word("score_function")),
            Padding = Padding(c),
            Outputs = new Dictionary<string, Quantity> { ["routing_map"] = Quantity.Map, ["scores"] = Quantity.Scores },
            Differentiated = Quantity.Scores,
            Cotangent = c.InputOrNull("cotangent_scores"),
            Variables = [Link.Of("logits", "logits")],
        };
    }

    private static SwitchLossPlan SwitchLoss(CaseReader c) => new()
    {
        Logits = c.Input("logits"),
        Scores = c.Input("probs"),
        Function = Specs.Function(c.Word("score_function")),
        Load = c.Input("tokens_per_expert"),
        Choices = c.Int("topk"),
        Tokens = c.Int("total_num_tokens"),
        Coefficient = c.Double("moe_aux_loss_coeff"),
        Padding = Padding(c),
        Outputs = new Dictionary<string, Quantity> { ["aux_loss"] = Quantity.Loss },
        Differentiated = Quantity.Loss,
        Variables = [Link.Of("logits", "logits")],
    };

    private static ZLossPlan ZLoss(CaseReader c) => new()
    {
        Logits = c.Input("logits"),
        Coefficient = c.Double("z_loss_coeff"),
        Padding = Padding(c),
        Outputs = new Dictionary<string, Quantity> { ["loss"] = Quantity.Loss },
        Differentiated = Quantity.Loss,
        Variables = [Link.Of("logits", "logits")],
    };

    // The masks of this peer mean different things in different functions; the files say which in the name.
    private static GoldenTensor? Padding(CaseReader c) => c.HasInput("padding_mask_true_is_valid")
        ? c.Input("padding_mask_true_is_valid").ToFlags().Not().Reshape(-1)
        : c.InputOrNull("padding_mask_true_is_padding")?.ToFlags().Reshape(-1);

    private static CapacityPlan Capacity(CaseReader c) => new()
    {
        Calls =
        [
            .. c.InputJson("tokens_experts_factor_mincap").EnumerateArray().Select(static call => (
                new CapacitySpec { Factor = call[2].GetDouble(), Minimum = call[3].ValueKind == System.Text.Json.JsonValueKind.Null ? 0 : call[3].GetInt32(), CountsChoices = false },
                call[0].GetInt32(),
                call[1].GetInt32(),
                1)),
        ],
        Outputs = new Dictionary<string, Quantity> { ["capacity"] = Quantity.Capacities },
    };

    // The map is an input: the routes are given, and only the drops are the peer's own.
    private static LogitsPlan Dropping(CaseReader c)
    {
        var logits = c.Input("logits");
        int k = c.Int("topk");
        _ = c.Input("routing_probs");
        return new LogitsPlan
        {
            Router = RouterProfiles.Megatron(logits.Size(^1), k, preSoftmax: c.Bool("use_pre_softmax"), capacityFactor: c.Double("capacity_factor")) with { Ties = TieRule.Native },
            Logits = logits,
            Given = c.Input("routing_map").TrueColumns(k),
            Outputs = new Dictionary<string, Quantity> { ["final_probs"] = Quantity.DenseWeights, ["final_map"] = Quantity.Map },
            Differentiated = Quantity.DenseWeights,
            Cotangent = c.InputOrNull("cotangent_final_probs"),
            Variables = [Link.Of("logits", "logits")],
        };
    }
}
