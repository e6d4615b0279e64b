using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

/// <summary>Switch and NLLB of transformers.</summary>
internal sealed class TransformersSwitch : IAdapter
{
    public string Peer => "transformers";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["SwitchTop1Router"] = SwitchRouter,
        ["SwitchSparseMLP"] = SwitchLayer,
        ["switch_load_balancing_loss_func"] = SwitchLoss,
        ["switch_router_z_loss_func"] = ZLoss,
        ["NllbMoeTop2Router"] = NllbRouter,
        ["NllbMoeSparseMLP"] = NllbLayer,
    };

    private static RoutingCase Switch(CaseReader c, GoldenTensor x) => new()
    {
        Router = RouterProfiles.TransformersSwitch(c.Int("num_experts"), c.Int("expert_capacity")),
        SequenceLength = x.Size(^2),
    };

    private static void Describe(TorchRun run, RoutingTensors routing)
    {
        run["router_logits"] = routing.Logits!;
        run["router_probs_max"] = routing.WeightsBeforeDrops;
        run["expert_index_onehot_masked"] = routing.ToMap().to(torch.ScalarType.Int64);
    }

    private static void Describe(NamedValues values, TopKRouting routing)
    {
        values["router_probs_max"] = HostValues.Singles([routing.TokenCount, 1], routing.WeightsBeforeDrops);
        values["expert_index_onehot_masked"] = Signs.Whole(HostValues.Map(routing));
    }

    private static NamedTorchPlan SwitchRouter(CaseReader c)
    {
        var x = c.Input("hidden_states");
        var call = Switch(c, x);
        (string Peer, string Own)[] names = c.HasWeight("router.bias") ? [("router.weight", "weight"), ("router.bias", "bias")] : [("router.weight", "weight")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new TopKGate(call.Router, x.Size(^1), weights.ContainsKey("bias"));
                run.Load(gate, "", weights);
                gate.eval();
                Describe(run, gate.call(run.Leaf("x", x).reshape(-1, x.Size(^1)), call.Context()));
            },
            Managed = (values, _) =>
            {
                float[] logits = new LinearGate(call.Router, HostValues.Floats(weights["weight"]), HostValues.Floats(weights.GetValueOrDefault("bias"))).Logits(new GateInput(HostValues.Floats(x), x.Size(^1)));
                values["router_logits"] = HostValues.Singles([logits.Length], logits);
                Describe(values, call.Managed(logits));
            },
            Derivatives = [new("router_probs_max", c.InputOrNull("cotangent_router_probs"), [Link.Of("hidden_states", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own))])],
        };
    }

    private static NamedTorchPlan SwitchLayer(CaseReader c)
    {
        var x = c.Input("hidden_states");
        var call = Switch(c, x);
        return new LayerRun
        {
            Case = c,
            Call = call,
            Input = "hidden_states",
            Spec = new MoELayerSpec
            {
                Width = x.Size(^1),
                Router = call.Router,
                Expert = new ExpertSpec { Width = c.Int("d_ff"), Form = ExpertForm.FeedForward, Activation = Specs.Activation(c.Word("dense_act_fn")) },
            },
            Weights = [Link.Of("router.weight", WeightNames.Router), Link.Of("experts.wi", WeightNames.ExpertUp), Link.Of("experts.wo", WeightNames.ExpertDown)],
            More = static (run, result) => Describe(run, result.Routing),
            ManagedMore = static (values, routing) =>
            {
                values["router_logits"] = values["~logits"];
                Describe(values, routing);
            },
        }.Plan();
    }

    private static NamedTorchPlan SwitchLoss(CaseReader c)
    {
        var logits = c.Input("router_logits");
        var given = c.Input("expert_indices");
        int k = given.Shape.Count > 2 ? given.Size(^1) : 1;
        var choices = given.Reshape(-1, k);
        var call = new RoutingCase
        {
            Router = new RouterSpec { Experts = logits.Size(^1), Select = new TopKSelection { K = k } },
            Logits = logits,
            SequenceLength = logits.Size(^2),
        };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("logits", logits).reshape(-1, logits.Size(^1)), choices);
                run["router_probs"] = routing.Scores!;
                run["loss"] = TorchRouterLosses.sequence_load_balancing(routing.Scores!, routing.ToMap(), call.SequenceLength);
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed(choices);
                values["router_probs"] = HostValues.Singles([.. logits.Shape], routing.Scores);
                values["loss"] = HostValues.Doubles([], [RouterLosses.SequenceLoadBalancing(routing.Scores, HostValues.Map(routing, true, null), routing.ExpertCount, call.SequenceLength)]);
            },
            Derivatives = [new("loss", null, [Link.Of("router_logits", "logits")])],
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

    private static RouterSpec Nllb(CaseReader c) => RouterProfiles.Nllb(
        c.Int("num_experts"),
        c.IntOrNull("expert_capacity"),
        c.Double("moe_eval_capacity_token_fraction"),
        Torchscale.Policy(c.Word("second_expert_policy")),
        c.Bool("normalize_router_prob_before_dropping"),
        c.Bool("batch_prioritized_routing"));

    private static NamedTorchPlan NllbRouter(CaseReader c)
    {
        var x = c.Input("hidden_states").Rows();
        var call = new RoutingCase
        {
            Router = Nllb(c),
            Training = c.Bool("training"),
            Noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_gumbel")), (NoiseNames.LaterChoices, c.RandomOrNull("draw0_rand_like"))),
        };
        (string Peer, string Own)[] names = c.HasWeight("router.bias") ? [("router.weight", "weight"), ("router.bias", "bias")] : [("router.weight", "weight")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new TopKGate(call.Router, x.Size(1), weights.ContainsKey("bias"));
                run.Load(gate, "", weights);
                gate.train(call.Training);
                var routing = gate.call(run.Leaf("x", x), call.Context());
                run["router_logits"] = routing.Logits!;
                run["top_1_mask"] = routing.ToMap(choices: 1).to(torch.ScalarType.Int64);
                run["router_probs"] = routing.ToDenseWeights();
            },
            Managed = (values, _) =>
            {
                var gate = new LinearGate(call.Router, HostValues.Floats(weights["weight"]), HostValues.Floats(weights.GetValueOrDefault("bias")));
                float[] logits = gate.Logits(new GateInput(HostValues.Floats(x), x.Size(1)));
                var routing = call.Managed(logits);
                int[] shape = [routing.TokenCount, routing.ExpertCount];
                values["router_logits"] = HostValues.Singles(shape, logits);
                values["top_1_mask"] = Signs.Whole(GoldenTensor.OfFlags(shape, HostValues.Map(routing, true, 1)));
                values["router_probs"] = HostValues.Singles(shape, routing.ToDenseWeights());
            },
            Derivatives = [new("router_probs", c.InputOrNull("cotangent_router_probs"), [Link.Of("hidden_states", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own))])],
        };
    }

    private static NamedTorchPlan NllbLayer(CaseReader c)
    {
        var x = c.Input("hidden_states");
        var call = new RoutingCase { Router = Nllb(c) };
        return new LayerRun
        {
            Case = c,
            Call = call,
            Input = "hidden_states",
            Spec = new MoELayerSpec
            {
                Width = x.Size(^1),
                Router = call.Router,
                Expert = new ExpertSpec { Width = c.Int("ffn_dim"), Form = ExpertForm.FeedForward, Activation = Specs.Activation(c.Word("activation_function")), Biases = true },
                OutputMasking = c.Double("moe_token_dropout"),
            },
            Weights =
            [
                Link.Of("router.weight", WeightNames.Router),
                Link.Of("experts.fc1.weight", WeightNames.ExpertUp),
                Link.Of("experts.fc1.bias", WeightNames.ExpertUpBias),
                Link.Of("experts.fc2.weight", WeightNames.ExpertDown),
                Link.Of("experts.fc2.bias", WeightNames.ExpertDownBias),
            ],
            More = static (run, result) =>
            {
                run["router_probs"] = result.Routing.ToDenseWeights();
                // A dropped choice is expert 0 to the peer.
                var kept = Signs.None(TorchValues.Golden(result.Routing.ExpertIds.where(result.Routing.Kept!, torch.full_like(result.Routing.ExpertIds, -1))), 0);
                run.Set("top_1_index", kept.Slice(1, 0, 1));
            },
            ManagedMore = static (values, routing) =>
            {
                values["router_probs"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], routing.ToDenseWeights());
                var ids = Signs.None(HostValues.Integers([routing.TokenCount, routing.Choices], HostValues.KeptExperts(routing)), 0);
                values["top_1_index"] = ids.Slice(1, 0, 1);
            },
        }.Plan();
    }
}
