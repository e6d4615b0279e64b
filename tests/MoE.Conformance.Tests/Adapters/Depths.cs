using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class Depths : IAdapter
{
    public string Peer => "mixture_of_depths";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MoD"] = Layer };

    private static NamedTorchPlan Layer(CaseReader c)
    {
        var x = c.Input("x");
        (string Peer, string Own)[] names =
        [
            ("router.weight_predictor.weight", "router.weight"),
            ("router.weight_predictor.bias", "router.bias"),
            ("block.l.weight", "block.0.weight"),
            ("block.l.bias", "block.0.bias"),
        ];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var block = torch.nn.Sequential(torch.nn.Linear(x.Size(2), x.Size(2)), torch.nn.Tanh());
                var layer = new MixtureOfDepths(block, x.Size(2), c.Double("capacity"), DepthRule.Astramind);
                run.Load(layer, "", weights);
                var (output, routed, _) = layer.route(run.Leaf("x", x));
                run["router_weights"] = routed;
                run["output"] = output;
            },
        };
    }
}

internal sealed class MegaBlocks : IAdapter
{
    public string Peer => "megablocks";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["LearnedRouter"] = Router,
        ["batched_losses"] = Losses,
        ["expert_capacity"] = Capacity,
    };

    private static GatePlan Router(CaseReader c) => new()
    {
        Router = RouterProfiles.MegaBlocks(c.Int("moe_num_experts"), c.Int("moe_top_k"), c.DoubleOrNull("moe_normalize_expert_weights")) with { Ties = TieRule.Native },
        Tokens = c.Input("x").Rows(),
        Weight = c.Weight("layer.weight"),
        Outputs = new Dictionary<string, Quantity> { ["scores"] = Quantity.Scores, ["expert_weights"] = Quantity.Weights, ["expert_indices"] = Quantity.Experts },
        Differentiated = Quantity.Weights,
        Cotangent = c.InputOrNull("cotangent_expert_weights"),
        Variables = [Link.Of("x", "tokens"), Link.Of("layer.weight", WeightNames.Router)],
    };

    private static NamedTorchPlan Losses(CaseReader c)
    {
        var logits = c.Input("router_logits");
        int experts = c.Int("moe_num_experts"), k = c.Int("moe_top_k"), tokens = logits.Size(^2);
        double balance = c.Double("moe_loss_weight"), z = c.Double("moe_zloss_weight");
        var call = new RoutingCase { Router = RouterProfiles.MegaBlocks(experts, k) with { Ties = TieRule.Native }, Logits = logits.Rows() };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var leaf = run.Leaf("logits", logits);
                // The mean over layers of each layer's loss is the loss of the layers together.
                var routing = call.Torch(leaf.reshape(-1, experts));
                run["load_balancing_loss"] = RouterLoss.Weighted(TorchRouterLosses.sequence_load_balancing(routing.Scores!, routing.ToMap(), tokens, k), balance);
                torch.Tensor[] each = [.. leaf.unbind().Select(layer => RouterLoss.Weighted(TorchRouterLosses.z_loss(layer), z))];
                run["router_zloss"] = torch.stack(each);
                run["~z_sum"] = TorchRouterLosses.total(each);
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                values["load_balancing_loss"] = HostValues.Doubles([], [RouterLosses.Weighted(RouterLosses.SequenceLoadBalancing(routing.Scores, HostValues.Map(routing, true, null), experts, tokens, k), balance)]);
                double[] each = [.. Enumerable.Range(0, logits.Size(0)).Select(l => RouterLosses.ZLoss(HostValues.Floats(logits.Slice(0, l, 1)), experts, coefficient: z))];
                values["router_zloss"] = HostValues.Doubles([each.Length], each);
            },
            Derivatives = [new("load_balancing_loss", null, [Link.Of("router_logits_from_lbl", "logits")]), new("~z_sum", null, [Link.Of("router_logits_from_z_sum", "logits")])],
        };
    }

    private static CapacityPlan Capacity(CaseReader c) => new()
    {
        Calls =
        [
            .. c.InputJson("tokens_experts_topk_factor").EnumerateArray().Select(static call => (
                new CapacitySpec { Factor = call[3].GetDouble(), Rounding = CapacityRounding.Floor },
                call[0].GetInt32(),
                call[1].GetInt32(),
                call[2].GetInt32())),
        ],
        Outputs = new Dictionary<string, Quantity> { ["capacity"] = Quantity.Capacities },
    };
}

internal sealed class OlmoCore : IAdapter
{
    public string Peer => "olmo_core";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MoELinearRouter"] = Router };

    private static NamedTorchPlan Router(CaseReader c)
    {
        var x = c.Input("x");
        int experts = c.Int("num_experts"), k = c.Int("top_k");
        var bias = c.InputOrNull("score_bias");
        var function = Specs.Function(c.WordOr("gating_function", "softmax"));
        bool instance = c.WordOr("lb_loss_granularity", "local_batch") == "instance";
        double balance = c.DoubleOr("lb_loss_weight", 0), z = c.DoubleOr("z_loss_weight", 0);
        var call = new RoutingCase { Router = RouterProfiles.OlmoCore(experts, k, function, c.DoubleOrNull("normalize_expert_weights"), bias is not null) with { Ties = TieRule.Native }, SequenceLength = instance ? x.Size(1) : 0 };
        var weights = new Dictionary<string, GoldenTensor> { ["weight"] = c.Weight("router.weight_flat_E_by_d").Reshape(experts, -1) };
        if (bias is not null) weights["selection_bias"] = bias;
        Link[] links = [Link.Of("x", "x"), Link.Of("router.weight", "weight")];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new TopKGate(call.Router, x.Size(2));
                run.Load(gate, "", weights);
                var routing = gate.call(run.Leaf("x", x).reshape(-1, x.Size(2)), call.Context());
                run["expert_weights"] = routing.Weights;
                run["expert_indices"] = routing.ExpertIds;
                run["batch_size_per_expert"] = routing.Load();
                var scores = function == ScoreFunction.Sigmoid ? TorchRouterLosses.normalized_rows(routing.Scores!) : routing.Scores!;
                run["aux_loss"] = TorchRouterLosses.total(
                    RouterLoss.Weighted(TorchRouterLosses.sequence_load_balancing(scores, routing.ToMap(), call.SequenceLength, k), balance),
                    RouterLoss.Weighted(TorchRouterLosses.z_loss(routing.Logits!), z));
                if (bias is null) return;
                var balancer = new BiasBalancer(gate, c.Double("bias_gamma"));
                balancer.observe(routing);
                balancer.step();
                run["score_bias_after_post_batch"] = gate.SelectionBias!;
            },
            Managed = (values, _) =>
            {
                var gate = new LinearGate(call.Router, HostValues.Floats(weights["weight"]), selectionBias: HostValues.Floats(bias));
                float[] logits = gate.Logits(new GateInput(HostValues.Floats(x), x.Size(2)));
                var routing = ReferenceRouter.Route(logits, call.Router, new RouteOptions { SelectionBias = HostValues.Floats(bias), KeepScores = true });
                int[] routes = [routing.TokenCount, k];
                values["expert_weights"] = HostValues.Singles(routes, routing.Weights);
                values["expert_indices"] = HostValues.Integers(routes, routing.ExpertIds);
                values["batch_size_per_expert"] = HostValues.Integers([experts], routing.Demand());
                float[] scores = function == ScoreFunction.Sigmoid ? RouterLosses.NormalizedRows(routing.Scores, experts) : routing.Scores.ToArray();
                values["aux_loss"] = HostValues.Doubles([],
                [
                    RouterLosses.Total(
                        RouterLosses.Weighted(RouterLosses.SequenceLoadBalancing(scores, HostValues.Map(routing, true, null), experts, call.SequenceLength, k), balance),
                        RouterLosses.ZLoss(logits, experts, coefficient: z)),
                ]);
                if (bias is null) return;
                float[] moved = HostValues.Floats(bias);
                BiasUpdate.Sign(moved, routing.Demand(), c.Double("bias_gamma"));
                values["score_bias_after_post_batch"] = HostValues.Singles([experts], moved);
            },
            Derivatives = [new("expert_weights", c.InputOrNull("cotangent_weights"), Flat(LayerRun.Ending(links, "_from_weights"))), new("aux_loss", null, Flat(LayerRun.Ending(links, "_from_aux")))],
        };
    }

    private static Link[] Flat(Link[] links) => [.. links.Select(static l => l.LibraryNames[0] == "weight" ? l with { Layout = Layout.Flat } : l)];
}
