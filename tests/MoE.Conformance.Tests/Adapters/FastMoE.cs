using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

namespace MoE.Conformance.Adapters;

internal sealed class FastMoE : IAdapter
{
    public string Peer => "fastmoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["NaiveGate"] = static c => Gate(c, RouterProfiles.FastMoENaive(c.Int("num_expert"), c.Int("top_k")), Draws.Of(), null, null, ordered: false),
        ["GShardGate"] = GShard,
        ["SwitchGate"] = Switch,
        ["NoisyGate"] = Noisy,
    };

    private static NamedTorchPlan GShard(CaseReader c)
    {
        var (train, evaluation) = Rates(c);
        return Gate(
            c,
            RouterProfiles.FastMoEGShard(c.Int("num_expert"), train, evaluation, c.Bool("random_routing")),
            Draws.Of((NoiseNames.LaterChoices, c.RandomOrNull("draw0_rand"))),
            static r => TorchRouterLosses.switch_load_balancing(TorchRouterLosses.normalized_scores(r.Logits!, ScoreFunction.Softmax), r.Load(choices: 1), 1),
            static (logits, r) => RouterLosses.SwitchLoadBalancing(RouterLosses.NormalizedScores(logits, r.ExpertCount, ScoreFunction.Softmax), r.Demand(choices: 1), 1),
            ordered: true);
    }

    private static NamedTorchPlan Switch(CaseReader c)
    {
        var (train, evaluation) = Rates(c);
        return Gate(
            c,
            RouterProfiles.FastMoESwitch(c.Int("num_expert"), train, evaluation),
            Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_rand_like"))),
            static r => TorchRouterLosses.kept_load_balancing(r.Scores!, r.Load(kept: true)),
            static (_, r) => RouterLosses.KeptLoadBalancing(r.Scores, r.Demand(kept: true)),
            ordered: true);
    }

    private static (double Train, double Evaluation) Rates(CaseReader c) => c.ListOrNull("capacity") is { } rates ? (rates[0], rates[1]) : (1.2, 2.4);

    private static NamedTorchPlan Gate(CaseReader c, RouterSpec router, RecordedNoise noise, Func<RoutingTensors, TorchSharp.torch.Tensor>? loss, Func<float[], TopKRouting, double>? managedLoss, bool ordered)
    {
        var x = c.Input("x");
        var weights = new Dictionary<string, GoldenTensor> { ["weight"] = c.Weight("gate.weight") };
        if (c.WeightOrNull("gate.bias") is { } bias) weights["bias"] = bias;
        var call = new RoutingCase { Router = router with { Ties = TieRule.Native }, Noise = noise, Training = c.Bool("training") };
        Link[] links = [Link.Of("x", "x"), Link.Of("gate.weight", "weight"), Link.Of("gate.bias", "bias")];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            ExpertsOutput = ordered ? null : "topk_idx",
            Router = call.Router,
            Torch = (run, replay) =>
            {
                var gate = new TopKGate(call.Router, x.Size(1), weights.ContainsKey("bias"));
                run.Load(gate, "", weights);
                gate.train(call.Training);
                var routing = gate.call(run.Leaf("x", x), call.Context(replay));
                run["clean_logits"] = routing.Logits!;
                run["~logits"] = routing.Logits!;
                run["topk_idx"] = routing.Kept is null ? routing.ExpertIds : routing.ExpertIds.where(routing.Kept, TorchSharp.torch.full_like(routing.ExpertIds, -1));
                run["scores"] = routing.WeightsBeforeDrops;
                run["loss"] = loss?.Invoke(routing) ?? TorchSharp.torch.zeros(1);
            },
            Managed = (values, replay) =>
            {
                var gate = new LinearGate(call.Router, HostValues.Floats(weights["weight"]), HostValues.Floats(weights.GetValueOrDefault("bias")));
                float[] logits = gate.Logits(new GateInput(HostValues.Floats(x), x.Size(1)));
                var routing = call.Managed(logits, replay);
                values["clean_logits"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], logits);
                values["topk_idx"] = HostValues.Integers([routing.TokenCount, routing.Choices], HostValues.KeptExperts(routing));
                values["scores"] = HostValues.Singles([routing.TokenCount, routing.Choices], routing.WeightsBeforeDrops);
                values["loss"] = HostValues.Doubles([], [managedLoss?.Invoke(logits, routing) ?? 0]);
            },
            Derivatives =
            [
                new("scores", c.InputOrNull("cotangent_scores"), LayerRun.Ending(links, "_from_scores")),
                new("loss", null, LayerRun.Ending(links, "_from_loss")),
            ],
        };
    }

    private static NamedTorchPlan Noisy(CaseReader c)
    {
        var x = c.Input("x");
        int k = c.Int("top_k");
        var noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_randn_like")));
        var weights = new Dictionary<string, GoldenTensor> { ["weight"] = c.Weight("w_gate").Transpose(), ["noise_weight"] = c.Weight("w_noise").Transpose() };
        Link[] links = [Link.Of("x", "x"), Link.Of("w_gate", "weight", Layout.Transposed), Link.Of("w_noise", "noise_weight", Layout.Transposed)];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new NoisyTopKGate(RouterProfiles.NoisyTopK(c.Int("num_expert"), k) with { Ties = TieRule.Native }, x.Size(1));
                run.Load(gate, "", weights);
                gate.train(c.Bool("training"));
                var routing = gate.call(run.Leaf("x", x), new GateContext { Noise = noise });
                var noisy = routing.Noisy!;
                run["clean_logits"] = noisy.Clean;
                run["topk_idx"] = routing.ExpertIds.flatten();
                run["scores"] = routing.Weights.unsqueeze(1);
                var load = TorchRouterLosses.smooth_load(noisy.Clean, noisy.Noisy, noisy.Std, k);
                run["loss"] = TorchRouterLosses.total(TorchRouterLosses.importance(routing.ToDenseWeights()), TorchRouterLosses.load(load));
            },
            Derivatives =
            [
                new("scores", c.InputOrNull("cotangent_scores"), LayerRun.Ending(links, "_from_scores")),
                new("loss", null, LayerRun.Ending(links, "_from_loss")),
            ],
        };
    }
}
