using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

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
        ["sinkhorn"] = Sinkhorn,
        ["sinkhorn_load_balancing"] = SinkhornRouting,
        ["get_updated_expert_bias"] = UpdatedBias,
        ["qb_dual_update"] = Quantile,
        ["permute_unpermute"] = Permute,
        ["MoEAuxLossAutoScaler"] = AutoScaler,
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
    private static NamedTorchPlan Dropping(CaseReader c)
    {
        var logits = c.Input("logits");
        int k = c.Int("topk");
        bool pads = c.BoolOr("pad_to_capacity", false);
        _ = c.Input("routing_probs");
        var given = c.Input("routing_map").TrueColumns(k);
        var router = RouterProfiles.Megatron(logits.Size(^1), k, preSoftmax: c.Bool("use_pre_softmax"), capacityFactor: c.Double("capacity_factor"));
        var call = new RoutingCase
        {
            Router = router with { Ties = TieRule.Native, Dispatch = router.Dispatch with { Drop = c.Word("drop_policy") == "probs" ? DropPolicy.HeaviestWeight : DropPolicy.Unspecified } },
            Logits = logits,
        };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("logits", logits), given);
                run["final_probs"] = routing.ToDenseWeights();
                run["final_map"] = pads ? routing.ToCapacityMap() : routing.ToMap();
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed(given);
                values["final_probs"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], routing.ToDenseWeights());
                values["final_map"] = HostValues.Map(routing);
            },
            Derivatives = [new("final_probs", c.InputOrNull("cotangent_final_probs"), [Link.Of("logits", "logits")])],
        };
    }

    private static NamedTorchPlan Sinkhorn(CaseReader c)
    {
        var logits = c.Input("logits");
        double tolerance = c.DoubleOr("tol", 1e-4);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var balanced = Assignments.sinkhorn(TorchValues.Tensor(logits), logSpace: false, tolerance, 1000);
                run["normalised"] = balanced;
                run["argmax"] = BestOf.Rows(balanced);
            },
            Managed = (values, _) =>
            {
                float[] balanced = MoE.Sinkhorn.Normalize(HostValues.Floats(logits), logits.Size(^1), logSpace: false, tolerance, 1000);
                values["normalised"] = HostValues.Singles([.. logits.Shape], balanced);
                values["argmax"] = HostValues.Integers([logits.Size(0)], BestOf.Rows(balanced, logits.Size(^1)));
            },
        };
    }

    private static NamedTorchPlan SinkhornRouting(CaseReader c)
    {
        var call = new RoutingCase
        {
            Router = RouterProfiles.MegatronSinkhorn(c.Input("logits").Size(^1), c.Int("topk")) with { Ties = TieRule.Native },
            Logits = c.Input("logits"),
            Training = c.Bool("training"),
        };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("logits", call.Logits));
                run["probs"] = routing.ToDenseWeights();
                run["routing_map"] = routing.ToMap();
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                values["probs"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], routing.ToDenseWeights());
                values["routing_map"] = HostValues.Map(routing);
            },
            Derivatives = [new("probs", c.InputOrNull("cotangent_probs"), [Link.Of("logits", "logits")])],
        };
    }

    private static NamedTorchPlan UpdatedBias(CaseReader c)
    {
        var counts = c.Input("tokens_per_expert");
        var bias = c.Input("expert_bias");
        double rate = c.Double("rate");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new TopKGate(new RouterSpec { Experts = bias.Size(0), Select = new TopKSelection { K = 1, UsesBias = true } }, 1);
                gate.SelectionBias!.copy_(TorchValues.Tensor(bias));
                var balancer = new BiasBalancer(gate, rate);
                balancer.observe(TorchValues.Tensor(counts));
                balancer.step();
                run["updated"] = gate.SelectionBias;
            },
            Managed = (values, _) =>
            {
                float[] moved = HostValues.Floats(bias);
                BiasUpdate.Sign(moved, Array.ConvertAll(HostValues.Floats(counts), static n => (int)n), rate);
                values["updated"] = HostValues.Singles([moved.Length], moved);
            },
        };
    }

    private static NamedTorchPlan Quantile(CaseReader c)
    {
        var scores = c.Input("scores");
        var beta = c.Input("beta");
        int k = c.Int("k");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var (experts, next) = BiasBalancer.quantile_update(TorchValues.Tensor(scores), TorchValues.Tensor(beta), k);
                run["indices"] = experts;
                run["beta_quantile"] = next;
            },
            Managed = (values, _) =>
            {
                var next = new float[beta.Count];
                values["indices"] = HostValues.Integers([scores.Size(0), k], BiasUpdate.Quantile(HostValues.Floats(scores), HostValues.Floats(beta), k, next));
                values["beta_quantile"] = HostValues.Singles([next.Length], next);
            },
        };
    }

    // The peer's test multiplies by two where experts would be.
    private static NamedTorchPlan Permute(CaseReader c)
    {
        var tokens = c.Input("tokens");
        var probs = c.Input("probs");
        var map = c.Input("routing_map");
        int width = tokens.Size(1);
        var twice = GoldenTensor.OfReals("float32", [width, width], [.. Enumerable.Range(0, width).SelectMany(i => Enumerable.Range(0, width).Select(j => i == j ? 2.0 : 0.0))]);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var routing = RoutingTensors.OfMap(TorchValues.Tensor(map.ToFlags()), run.Leaf("probs", probs));
                var expert = TorchSharp.torch.nn.Linear(width, width, hasBias: false);
                run.Load(expert, "expert.", new Dictionary<string, GoldenTensor> { ["weight"] = twice });
                var (rows, weights, ids, _) = routing.Permute(run.Leaf("tokens", tokens));
                run["permuted_tokens"] = rows;
                run["permuted_probs"] = weights;
                run["sorted_indices"] = ids;
                run["output"] = routing.Unpermute(expert.call(rows));
                run["padded_routing_map"] = routing.ToMultipleMap(c.Int("pad_multiple")).to(TorchSharp.torch.ScalarType.Int64);
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), [Link.Of("tokens", "tokens"), Link.Of("probs", "probs")])],
        };
    }

    private static NamedTorchPlan AutoScaler(CaseReader c)
    {
        var x = c.Input("x");
        var a = c.Input("a");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var loss = TorchSharp.torch.nn.MSELoss().call(run.Leaf("a", a), TorchSharp.torch.zeros_like(TorchValues.Tensor(a)));
                run["aux_loss"] = loss;
                run["y"] = LossAttachment.attach(run.Leaf("x", x), loss, c.DoubleOr("scale", 1));
            },
            Derivatives = [new("y", c.InputOrNull("cotangent_output"), [Link.Of("x", "x"), Link.Of("a", "a")])],
        };
    }
}
