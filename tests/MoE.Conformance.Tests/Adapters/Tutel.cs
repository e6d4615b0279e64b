using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

namespace MoE.Conformance.Adapters;

internal sealed class Tutel : IAdapter
{
    public string Peer => "tutel";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["LinearTopKGate"] = Linear,
        ["CosineTopKGate"] = Cosine,
        ["extract_critical"] = ExtractCritical,
        ["gshard_loss"] = GShardLoss,
        ["load_importance_loss"] = LoadImportance,
        ["moe_forward"] = Layer,
    };

    private static GatePlan Linear(CaseReader c) => new()
    {
        Router = RouterProfiles.Tutel(c.Weight("wg.weight").Size(0), 1),
        Tokens = c.Input("x").Rows(),
        Weight = c.Weight("wg.weight"),
        Outputs = new Dictionary<string, Quantity> { ["logits"] = Quantity.Logits },
        Differentiated = Quantity.Logits,
        Cotangent = c.InputOrNull("cotangent_logits"),
        Variables = [Link.Of("x", "tokens"), Link.Of("wg.weight", WeightNames.Router)],
    };

    private static NamedTorchPlan Cosine(CaseReader c)
    {
        (string Peer, string Own)[] names = [("cosine_projector.weight", "projection.weight"), ("cosine_projector.bias", "projection.bias"), ("sim_matrix", "experts"), ("temperature", "temperature")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        var x = c.Input("x");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new CosineGate(RouterProfiles.Tutel(c.Int("num_experts"), 1), c.Int("model_dim"), c.Int("proj_dim"));
                run.Load(gate, "", weights);
                run["logits"] = gate.logits(run.Leaf("x", x), GateContext.Empty);
            },
            Derivatives = [new("logits", c.InputOrNull("cotangent_logits"), [Link.Of("x", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own))])],
        };
    }

    private static RouterSpec Router(CaseReader c) => RouterProfiles.Tutel(
        c.Int("num_experts"),
        c.Int("top_k"),
        c.Double("capacity_factor"),
        c.BoolOr("normalize_gate", true),
        c.BoolOr("batch_prioritized_routing", false),
        alignment: c.IntOr("alignment", 1)) with
    { Ties = TieRule.Native };

    private static NamedTorchPlan ExtractCritical(CaseReader c)
    {
        var call = new RoutingCase { Router = Router(c), Logits = c.Input("logits"), Training = true };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("logits", call.Logits));
                run["scores"] = routing.Scores!;
                run["indices"] = routing.ExpertIds.t();
                run["locations"] = routing.Positions!.t();
                run["gates"] = routing.WeightsBeforeDrops.t();
                run.Set("capacity", HostValues.Integers([], [routing.Capacity!.Value]));
                run["dispatch_count"] = routing.Load();
                run["l_aux_gshard"] = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(choices: 1), 1);
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                int[] routes = [routing.TokenCount, routing.Choices];
                values["scores"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], routing.Scores);
                values["indices"] = HostValues.Integers(routes, routing.ExpertIds).Transpose();
                values["locations"] = HostValues.Integers(routes, routing.Plan.Positions).Transpose();
                values["gates"] = HostValues.Singles(routes, routing.WeightsBeforeDrops).Transpose();
                values["capacity"] = HostValues.Integers([], [routing.Plan.Capacity!.Value]);
                values["dispatch_count"] = HostValues.Integers([routing.ExpertCount], routing.Demand());
                values["l_aux_gshard"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(choices: 1), 1)]);
            },
            Derivatives =
            [
                new("gates", c.InputOrNull("cotangent_gates"), [Link.Of("logits_from_gates", "logits")]),
                new("l_aux_gshard", null, [Link.Of("logits_from_l_aux", "logits")]),
            ],
        };
    }

    private static NamedTorchPlan GShardLoss(CaseReader c)
    {
        var call = new RoutingCase { Router = RouterProfiles.Tutel(c.Int("num_experts"), c.Int("top_k"), 0), Logits = c.Input("logits"), Training = true };
        var given = c.Input("topk_ids");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("logits", call.Logits), given);
                run["loss"] = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(choices: 1), 1);
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed(given);
                values["loss"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(choices: 1), 1)]);
            },
            Derivatives = [new("loss", null, [Link.Of("logits", "logits")])],
        };
    }

    private static NamedTorchPlan LoadImportance(CaseReader c)
    {
        double noise = c.Double("gate_noise");
        var experts = c.Input("topk_ids");
        var call = new RoutingCase
        {
            Router = RouterProfiles.Tutel(c.Int("num_experts"), c.Int("top_k"), 0, noise: noise),
            Logits = c.Input("logits"),
            Training = true,
            Noise = Draws.Of((NoiseNames.Logits, c.Random("standard_normal"))),
        };
        var noisy = call with { Router = call.Router with { Noise = call.Router.Noise! with { Use = NoiseUse.Scores } } };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var logits = run.Leaf("logits", call.Logits);
                var noisyLogits = noisy.Torch(logits).Noisy!.Noisy;
                run["logits_w_noise"] = noisyLogits;
                run["loss"] = TorchRouterLosses.tutel_load_importance(call.Torch(logits, experts).Scores!, noisyLogits, TorchValues.Tensor(experts), noise);
            },
            Derivatives = [new("loss", null, [Link.Of("logits", "logits")])],
        };
    }

    private static NamedTorchPlan Layer(CaseReader c)
    {
        var call = new RoutingCase { Router = Router(c), Training = true };
        var x = c.Input("x");
        return new LayerRun
        {
            Case = c,
            Call = call,
            Spec = LayerRun.TwoMatrixSpec(c, call.Router) with { Weighted = c.BoolOr("is_postscore", true) ? WeightedSide.Output : WeightedSide.Input },
            Weights = LayerRun.TwoMatrices,
            More = (run, result) =>
            {
                var routing = result.Routing;
                run["logits"] = routing.Logits!;
                run["dispatched"] = routing.Encode(TorchValues.Tensor(x.Rows()));
                run.Set("capacity", HostValues.Integers([], [routing.Capacity!.Value]));
                run["l_aux"] = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(choices: 1), 1);
            },
            ManagedMore = (values, routing) =>
            {
                int capacity = routing.Plan.Capacity!.Value, width = x.Size(^1);
                values["logits"] = values["~logits"];
                values["dispatched"] = HostValues.Singles([routing.ExpertCount, capacity, width], routing.Encode(HostValues.Floats(x), width, call.Router.Dispatch, capacity));
                values["capacity"] = HostValues.Integers([], [capacity]);
                values["l_aux"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(choices: 1), 1)]);
            },
        }.Plan();
    }
}
