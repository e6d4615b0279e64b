using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

namespace MoE.Conformance.Adapters;

internal sealed class DeepSpeed : IAdapter
{
    public string Peer => "deepspeed";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["top1gating"] = static c => Gating(c, Top1(c), 1),
        ["top2gating"] = static c => Gating(c, Top2(c), 1),
        ["topkgating"] = static c => Gating(c, TopK(c), null),
        ["MOELayer"] = Layer,
        ["_capacity"] = Capacity,
    };

    private static double? Factor(CaseReader c) => c.BoolOr("drop_tokens", true) ? c.Double("capacity_factor") : null;

    private static RoutingCase Top1(CaseReader c)
    {
        bool sampled = c.HasRandom("draw0_gumbel");
        var uniform = c.RandomOrNull(sampled ? "draw1_uniform" : "draw0_uniform");
        return new RoutingCase
        {
            Router = Dropless(c, RouterProfiles.DeepSpeedTop1(c.Int("num_experts"), Factor(c), c.Int("min_capacity"), uniform is not null, sampled)),
            Logits = c.Input("logits"),
            Noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_gumbel")), (NoiseNames.RandomDrop, uniform)),
            Training = true,
            Padding = c.InputOrNull("used_token")?.ToFlags().Not(),
        };
    }

    private static RoutingCase Top2(CaseReader c) => new()
    {
        Router = Dropless(c, RouterProfiles.DeepSpeedTop2(c.Int("num_experts"), Factor(c), c.Int("min_capacity"), c.Bool("top2_2nd_expert_sampling"))),
        Logits = c.Input("logits"),
        Noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_gumbel"))),
        Training = true,
    };

    private static RoutingCase TopK(CaseReader c) => new()
    {
        Router = Dropless(c, RouterProfiles.DeepSpeedTopK(c.Int("num_experts"), c.Int("k"), Factor(c), c.Int("min_capacity"), c.WordOr("drop_policy", "probs") == "probs" ? DropPolicy.HeaviestWeight : DropPolicy.FirstCome)) with { Ties = TieRule.Native },
        Logits = c.Input("logits"),
        Training = true,
    };

    // The peer reports the longest queue as the capacity of a gate that drops nothing.
    private static RouterSpec Dropless(CaseReader c, RouterSpec router) => (Factor(c) is null
        ? router with { Dispatch = router.Dispatch with { Capacity = new CapacitySpec { AtMostLoad = true } } }
        : router);

    private static NamedTorchPlan Gating(CaseReader c, RoutingCase call, int? counted) => new()
    {
        Outputs = NamedPlan.None,
        Managed = (values, _) => Managed(values, call, counted),
        Torch = (run, _) =>
        {
            var routing = call.Torch(run.Leaf("logits", call.Logits!));
            var slots = TorchValues.Golden(routing.Slots().t());
            run["combine_weights"] = routing.ToCombineTensor();
            run["dispatch_mask"] = routing.ToDispatchMask();
            run.Set("capacity", HostValues.Integers([], [routing.Capacity!.Value]));
            run["exp_counts"] = routing.Load();
            run["route_expert_indices"] = routing.ExpertIds.where(routing.Kept!, TorchSharp.torch.full_like(routing.ExpertIds, -1)).t();
            run.Set("route_locations", Signs.None(slots, 0));
            run["route_gates"] = routing.Weights.t();
            run["l_aux"] = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(choices: counted), counted ?? (int)routing.Choices);
        },
        Derivatives =
        [
            new("combine_weights", c.InputOrNull("cotangent_combine_weights"), [Link.Of("logits_from_combine", "logits")]),
            new("l_aux", null, [Link.Of("logits_from_l_aux", "logits")]),
        ],
    };

    private static void Managed(NamedValues values, RoutingCase call, int? counted)
    {
        var routing = call.Managed();
        int capacity = routing.Plan.Capacity!.Value;
        int[] shape = [routing.TokenCount, routing.ExpertCount, capacity], routes = [routing.TokenCount, routing.Choices];
        var combine = HostValues.Singles(shape, routing.ToCombineTensor(call.Router.Dispatch, capacity));
        values["combine_weights"] = combine;
        values["dispatch_mask"] = Signs.NotZero(combine);
        values["capacity"] = HostValues.Integers([], [capacity]);
        values["exp_counts"] = HostValues.Integers([routing.ExpertCount], routing.Demand());
        values["route_expert_indices"] = HostValues.Integers(routes, HostValues.KeptExperts(routing)).Transpose();
        values["route_locations"] = Signs.None(HostValues.Integers(routes, routing.Slots(call.Router.Dispatch)), 0).Transpose();
        values["route_gates"] = HostValues.Singles(routes, routing.Weights).Transpose();
        values["l_aux"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(choices: counted), counted ?? routing.Choices)]);
    }

    private static NamedTorchPlan Layer(CaseReader c)
    {
        int experts = c.Int("num_experts"), k = c.Int("k");
        double factor = c.Bool("training") ? c.Double("capacity_factor") : c.Double("eval_capacity_factor");
        var router = k switch
        {
            1 => RouterProfiles.DeepSpeedTop1(experts, factor, c.Int("min_capacity"), c.HasRandom("draw0_uniform")),
            2 => RouterProfiles.DeepSpeedTop2(experts, factor, c.Int("min_capacity"), c.BoolOr("top2_2nd_expert_sampling", false)),
            _ => RouterProfiles.DeepSpeedTopK(experts, k, factor, c.Int("min_capacity")),
        };
        int? counted = k > 2 ? null : 1;
        var call = new RoutingCase
        {
            Router = k > 2 ? router with { Ties = TieRule.Native } : router,
            Training = c.Bool("training"),
            Noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_gumbel")), (NoiseNames.RandomDrop, c.RandomOrNull("draw0_uniform"))),
        };
        return new LayerRun
        {
            Case = c,
            Call = call,
            Spec = LayerRun.TwoMatrixSpec(c, call.Router),
            Weights = LayerRun.TwoMatrices,
            More = (run, result) =>
            {
                run["exp_counts"] = result.Routing.Load();
                run["l_aux"] = TorchRouterLosses.switch_load_balancing(result.Routing.Scores!, result.Routing.Load(choices: counted), counted ?? k);
            },
            ManagedMore = (values, routing) =>
            {
                values["exp_counts"] = HostValues.Integers([experts], routing.Demand());
                values["l_aux"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(choices: counted), counted ?? k)]);
            },
            Losses = [("l_aux", "_from_l_aux")],
        }.Plan();
    }

    private static CapacityPlan Capacity(CaseReader c) => new()
    {
        Calls =
        [
            .. c.InputJson("tokens_experts_factor_mincap").EnumerateArray().Select(static call => (
                new CapacitySpec { Factor = call[2].GetDouble(), Minimum = call[3].GetInt32(), Formula = CapacityFormula.Single },
                call[0].GetInt32(),
                call[1].GetInt32(),
                1)),
        ],
        Outputs = new Dictionary<string, Quantity> { ["capacity"] = Quantity.Capacities },
    };
}
