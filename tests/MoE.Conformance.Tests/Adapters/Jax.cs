using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class Flaxformer : IAdapter
{
    public string Peer => "flaxformer";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["TokensChooseMaskedRouter"] = static c => TokensChoose(c, scatter: false),
        ["TokensChooseScatterRouter"] = static c => TokensChoose(c, scatter: true),
        ["ExpertsChooseMaskedRouter"] = ExpertsChoose,
        ["_router_z_loss"] = ZLoss,
    };

    private static RoutingCase Call(CaseReader c, RouterSpec router)
    {
        var logits = c.Input("router_logits");
        return new RoutingCase
        {
            Router = router,
            Logits = logits.Rows(),
            SequenceLength = logits.Size(^2),
            Padding = c.InputOrNull("padding_mask_1_is_valid")?.ToFlags().Not().Reshape(-1),
        };
    }

    private static NamedTorchPlan TokensChoose(CaseReader c, bool scatter)
    {
        var call = Call(c, RouterProfiles.Flaxformer(c.Int("num_experts"), c.Int("num_selected_experts"), c.Int("expert_capacity"), c.Bool("batch_prioritized_routing"), scatter));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(TorchValues.Tensor(call.Logits!));
                run["router_probs"] = TorchRouterLosses.normalized_scores(routing.Logits!, ScoreFunction.Softmax);
                run["auxiliary_loss"] = TorchRouterLosses.sequence_load_balancing(routing.Scores!, routing.ToMap(kept: false), call.SequenceLength);
                if (scatter)
                {
                    run["combine_weights"] = routing.Weights;
                    run["dispatch_indices"] = torch.stack([routing.ExpertIds, routing.Positions!], -1);
                    return;
                }

                run["dispatch_mask"] = routing.ToDispatchMask();
                run["combine_array"] = routing.ToCombineTensor();
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                int[] routes = [routing.TokenCount, routing.Choices];
                values["auxiliary_loss"] = HostValues.Doubles([], [RouterLosses.SequenceLoadBalancing(routing.Scores, HostValues.Map(routing, false, null), routing.ExpertCount, call.SequenceLength)]);
                values["router_probs"] = Probabilities(call, routing.ExpertCount);
                if (!scatter)
                {
                    Describe(values, call, routing);
                    return;
                }

                values["combine_weights"] = HostValues.Singles(routes, routing.Weights);
                values["dispatch_indices"] = GoldenTensor.Stack([HostValues.Integers(routes, routing.ExpertIds), HostValues.Integers(routes, routing.Plan.Positions)], 2);
            },
        };
    }

    private static GoldenTensor Probabilities(RoutingCase call, int experts) =>
        HostValues.Singles([.. call.Logits!.Shape], RouterLosses.NormalizedScores(HostValues.Floats(call.Logits), experts, ScoreFunction.Softmax));

    private static void Describe(NamedValues values, RoutingCase call, TopKRouting routing)
    {
        int capacity = routing.Plan.Capacity!.Value;
        int[] pairs = [routing.TokenCount, routing.ExpertCount];
        var combine = HostValues.Singles([.. pairs, capacity], routing.ToCombineTensor(call.Router.Dispatch, capacity, call.SequenceLength));
        values["router_probs"] = Probabilities(call, routing.ExpertCount);
        values["combine_array"] = combine;
        values["dispatch_mask"] = Signs.NotZero(combine);
    }

    private static NamedTorchPlan ExpertsChoose(CaseReader c)
    {
        var call = Call(c, RouterProfiles.FlaxformerExpertChoice(c.Int("num_experts"), c.Int("expert_capacity")));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(TorchValues.Tensor(call.Logits!));
                run["router_probs"] = TorchRouterLosses.normalized_scores(routing.Logits!, ScoreFunction.Softmax);
                run["dispatch_mask"] = routing.ToDispatchMask().to(torch.ScalarType.Int64);
                run["combine_array"] = routing.ToCombineTensor();
            },
            Managed = (values, _) =>
            {
                Describe(values, call, call.Managed());
                values["dispatch_mask"] = Signs.Whole(values["dispatch_mask"]);
            },
        };
    }

    private static ZLossPlan ZLoss(CaseReader c) => new()
    {
        Logits = c.Input("router_logits").Rows(),
        Coefficient = 1,
        Outputs = new Dictionary<string, Quantity> { ["loss"] = Quantity.Loss },
        Differentiated = Quantity.Loss,
        Variables = [Link.Of("router_logits", "logits")],
    };
}

internal sealed class VMoE : IAdapter
{
    public string Peer => "vmoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["top_experts_per_item"] = TopExperts,
        ["top_items_per_expert"] = TopItems,
        ["aux_losses"] = Losses,
        ["compute_capacity"] = Capacity,
    };

    private static RoutingCase Call(CaseReader c, RouterSpec router, int capacity) =>
        new() { Router = router with { Dispatch = router.Dispatch with { Capacity = new CapacitySpec { Fixed = capacity } } }, Logits = c.Input("gate_logits") };

    private static NamedTorchPlan TopExperts(CaseReader c)
    {
        int capacity = c.Int("capacity");
        var call = Call(c, RouterProfiles.VMoE(c.Int("num_experts"), c.Int("num_selected_experts"), prioritized: c.Bool("batch_priority")), capacity);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(TorchValues.Tensor(call.Logits!));
                run["gates"] = routing.Scores!;
                run["einsum_combine_weights"] = routing.ToCombineTensor();
                run["einsum_dispatch_weights"] = routing.ToDispatchMask();
                run["indices"] = torch.stack([routing.ExpertIds, routing.Positions!], -1);
                run["indices_combine_weights"] = routing.WeightsBeforeDrops;
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                int[] pairs = [routing.TokenCount, routing.ExpertCount], routes = [routing.TokenCount, routing.Choices];
                var combine = HostValues.Singles([.. pairs, capacity], routing.ToCombineTensor(call.Router.Dispatch, capacity));
                values["gates"] = HostValues.Singles(pairs, routing.Scores);
                values["einsum_combine_weights"] = combine;
                values["einsum_dispatch_weights"] = Signs.NotZero(combine);
                values["indices"] = GoldenTensor.Stack([HostValues.Integers(routes, routing.ExpertIds), HostValues.Integers(routes, routing.Plan.Positions)], 2);
                values["indices_combine_weights"] = HostValues.Singles(routes, routing.WeightsBeforeDrops);
            },
        };
    }

    private static NamedTorchPlan TopItems(CaseReader c)
    {
        int capacity = c.Int("capacity");
        var call = Call(c, RouterProfiles.VMoEExpertChoice(c.Int("num_experts")), capacity);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(TorchValues.Tensor(call.Logits!));
                run["gates"] = routing.Scores!;
                run["combine_weights"] = routing.ToCombineTensor();
                run["dispatch_weights"] = routing.ToDispatchMask();
                foreach (var (key, value) in Metrics(routing.Snapshot())) run.Set(key, value);
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                int[] pairs = [routing.TokenCount, routing.ExpertCount];
                var combine = HostValues.Singles([.. pairs, capacity], routing.ToCombineTensor(call.Router.Dispatch, capacity));
                values["gates"] = HostValues.Singles(pairs, routing.Scores);
                values["combine_weights"] = combine;
                values["dispatch_weights"] = Signs.NotZero(combine);
                foreach (var (key, value) in Metrics(routing)) values[key] = value;
            },
        };
    }

    private static IEnumerable<(string Key, GoldenTensor Value)> Metrics(TopKRouting routing)
    {
        var statistics = ExpertChoiceStatistics.Of(routing);
        (string Name, double Value)[] metrics =
        [
            ("num_experts_per_item_min", statistics.LeastExperts),
            ("num_experts_per_item_max", statistics.MostExperts),
            ("min_selected_gate", statistics.LeastWeight),
            ("max_selected_gate", statistics.LargestWeight),
            .. statistics.AtLeast.Select(static (share, i) => ($"ratio_processed_items_by_at_least_{1 << i}_experts", share)),
        ];
        return metrics.Select(static m => ($"metrics.{m.Name}", HostValues.Doubles([], [m.Value])));
    }

    private static NamedTorchPlan Losses(CaseReader c)
    {
        int experts = c.Int("num_experts"), k = c.Int("num_selected_experts");
        double noise = c.Double("noise_std");
        var call = new RoutingCase
        {
            Router = RouterProfiles.VMoE(experts, k, null, noise: noise),
            Logits = c.Input("gates_logits"),
            Training = true,
            Noise = Draws.Of((NoiseNames.Logits, c.Random("standard_normal"))),
        };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(TorchValues.Tensor(call.Logits));
                var noisy = routing.Noisy!;
                run["gates_logits_noisy"] = noisy.Noisy;
                run["importance_loss_of_clean_softmax"] = TorchRouterLosses.importance(TorchRouterLosses.normalized_scores(noisy.Clean, ScoreFunction.Softmax), VarianceKind.Biased);
                run["gshard_loss_of_noisy_softmax"] = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(choices: 1), 1);
                var last = noisy.Noisy.gather(1, routing.ExpertIds.narrow(1, k switch { 1 => 0, _ => Enumerable.Range(0, k).Last() }, 1));
                run["load_loss"] = TorchRouterLosses.load(TorchRouterLosses.threshold_load(noisy.Clean, last, call.Router.Noise!.ScaleOf(experts)), VarianceKind.Biased);
            },
        };
    }

    private static CapacityPlan Capacity(CaseReader c) => new()
    {
        Calls =
        [
            .. c.InputJson("tokens_experts_factor_mode_multiple").EnumerateArray().Select(static call => (
                new CapacitySpec
                {
                    Factor = call[2].GetDouble(),
                    Formula = CapacityFormula.FactorFirst,
                    Rounding = call[3].GetString() == "ceil" ? CapacityRounding.Ceiling : CapacityRounding.HalfToEven,
                    Multiple = call[4].ValueKind == System.Text.Json.JsonValueKind.Null ? 1 : call[4].GetInt32(),
                },
                call[0].GetInt32(),
                call[1].GetInt32(),
                1)),
        ],
        Outputs = new Dictionary<string, Quantity> { ["capacity"] = Quantity.Capacities },
    };
}
