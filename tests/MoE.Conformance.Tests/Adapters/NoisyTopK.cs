using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class Davidmrau : IAdapter
{
    public string Peer => "davidmrau_moe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["noisy_top_k_gating"] = Gating, ["MoE"] = Layer };

    private static readonly Link[] Links = [Link.Of("x", "x"), Link.Of("w_gate", "weight", Layout.Transposed), Link.Of("w_noise", "noise_weight", Layout.Transposed)];

    private static Dictionary<string, GoldenTensor> Weights(CaseReader c, string prefix) => new()
    {
        [$"{prefix}weight"] = c.Weight("w_gate").Transpose(),
        [$"{prefix}noise_weight"] = c.Weight("w_noise").Transpose(),
    };

    private static RouterSpec Router(CaseReader c) => RouterProfiles.Davidmrau(c.Int("num_experts"), c.Int("k")) with { Ties = TieRule.Native };

    // The peer takes thresholds from probabilities and compares logits with them.
    private static torch.Tensor Load(RoutingTensors routing, bool training, int k) => training && k < routing.ExpertCount
        ? TorchRouterLosses.smooth_load(routing.Noisy!.Clean, routing.Noisy.Noisy, routing.Noisy.Std, k, thresholds: routing.Scores)
        : routing.Load();

    private static NamedTorchPlan Gating(CaseReader c)
    {
        var x = c.Input("x");
        int k = c.Int("k");
        bool training = c.Bool("train");
        var noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_randn_like")));
        var weights = Weights(c, "");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new NoisyTopKGate(Router(c), x.Size(1), c.DoubleOr("noise_epsilon", 0.01));
                run.Load(gate, "", weights);
                gate.train(training);
                var routing = gate.call(run.Leaf("x", x), new GateContext { Noise = noise });
                var load = Load(routing, training, k);
                run["gates"] = routing.ToDenseWeights();
                run["load"] = load;
                run["cv_squared_importance"] = TorchRouterLosses.importance(routing.ToDenseWeights());
                run["cv_squared_load"] = TorchRouterLosses.load(load);
                run["~loss"] = TorchRouterLosses.total(TorchRouterLosses.importance(routing.ToDenseWeights()), TorchRouterLosses.load(load));
            },
            Managed = (values, _) =>
            {
                var gate = new LinearGate(Router(c), HostValues.Floats(weights["weight"]));
                var routing = (TopKRouting)gate.Route(new GateInput(HostValues.Floats(x), x.Size(1)));
                values["gates"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], routing.ToDenseWeights());
                values["load"] = HostValues.Integers([routing.ExpertCount], routing.Demand());
                values["cv_squared_importance"] = HostValues.Doubles([], [RouterLosses.Importance(routing.ToDenseWeights(), routing.ExpertCount)]);
                values["cv_squared_load"] = HostValues.Doubles([], [RouterLosses.Load(routing.Demand())]);
            },
            Derivatives = [new("gates", c.InputOrNull("cotangent_gates"), LayerRun.Ending(Links, "_from_gates")), new("~loss", null, LayerRun.Ending(Links, "_from_loss"))],
        };
    }

    private static NamedTorchPlan Layer(CaseReader c)
    {
        var x = c.Input("x");
        int k = c.Int("k"), experts = c.Int("num_experts");
        bool training = c.Bool("training");
        double coefficient = c.Double("loss_coef");
        var noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_randn_like")));
        var weights = Weights(c, "router.");
        var links = Links.Select(static l => l.LibraryNames[0] == "x" ? l : l with { LibraryNames = [$"router.{l.LibraryNames[0]}"] }).ToList();
        foreach (int e in Enumerable.Range(0, experts))
        {
            foreach (var (peer, own) in new[] { ("fc1.weight", "0.weight"), ("fc1.bias", "0.bias"), ("fc2.weight", "2.weight"), ("fc2.bias", "2.bias") })
            {
                weights[$"experts.items.{e}.{own}"] = c.Weight($"experts.{e}.{peer}");
                links.Add(Link.Of($"experts.{e}.{peer}", $"experts.items.{e}.{own}"));
            }
        }

        int hidden = c.Weight("experts.0.fc1.weight").Size(0), width = c.Weight("experts.0.fc2.weight").Size(0);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "y" },
            Torch = (run, _) =>
            {
                var mlps = Enumerable.Range(0, experts).Select(torch.nn.Module<torch.Tensor, torch.Tensor> (_) => torch.nn.Sequential(
                    torch.nn.Linear(x.Size(1), hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, width), torch.nn.Softmax(1)));
                var layer = new MoELayer(new NoisyTopKGate(Router(c), x.Size(1)), new ModuleExperts(mlps))
                {
                    Losses = [RouterLoss.Importance(coefficient), new RouterLoss("load", coefficient, (r, _) => TorchRouterLosses.load(Load(r, training, k)))],
                };
                run.Load(layer, "", weights);
                layer.train();
                layer.Router.train(training);
                var result = layer.route(run.Leaf("x", x), new GateContext { Noise = noise });
                run["y"] = result.Output;
                run["loss"] = result.TotalLoss();
            },
            Derivatives = [new("y", c.InputOrNull("cotangent_y"), links) { Also = ["loss"] }],
        };
    }
}

internal sealed class LlamaMoE : IAdapter
{
    public string Peer => "llama_moe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["TopKBalancedNoisyGate"] = Gate };

    private static NamedTorchPlan Gate(CaseReader c)
    {
        var x = c.Input("x");
        int k = c.Int("num_selects"), experts = c.Int("num_experts");
        bool training = c.Bool("training"), deep = c.Word("gate_network") == "mlp";
        double coefficient = c.Double("balance_loss_weight");
        var noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_randn_like")));
        var spec = RouterProfiles.NoisyTopK(experts, k) with { Ties = TieRule.Native };
        var names = new List<(string Peer, string Own)> { ("weight_noise.weight", "noise_weight") };
        if (deep) names.AddRange([("gate_network.0.weight", "scorer.0.weight"), ("gate_network.2.weight", "scorer.2.weight")]);
        else names.Add((c.HasWeight("gate_network.weight") ? "gate_network.weight" : "gate_network.0.weight", "weight"));
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        Link[] links = [Link.Of("x", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own))];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                torch.nn.Module<torch.Tensor, torch.Tensor>? scorer = deep
                    ? torch.nn.Sequential(torch.nn.Linear(x.Size(1), experts, hasBias: false), torch.nn.Tanh(), torch.nn.Linear(experts, experts, hasBias: false))
                    : null;
                var gate = new NoisyTopKGate(spec, scorer, x.Size(1), c.Double("noise_epsilon"));
                run.Load(gate, "", weights);
                gate.train(training);
                var routing = gate.call(run.Leaf("x", x), new GateContext { Noise = noise });
                var noisy = routing.Noisy!;
                var load = training && k < experts
                    ? TorchRouterLosses.smooth_load(noisy.Clean, noisy.Noisy, noisy.Std, k, compared: noisy.Noise)
                    : routing.Load();
                run["topK_indices"] = routing.ExpertIds;
                run["topK_scores"] = routing.Weights;
                run["load"] = load;
                run["importance"] = TorchRouterLosses.expert_weights(routing.ToDenseWeights());
                run["balance_loss"] = new RouterLoss("balance", coefficient, (r, _) => TorchRouterLosses.total(TorchRouterLosses.importance(r.ToDenseWeights()), TorchRouterLosses.load(load))).Of(routing, null);
            },
            Derivatives = [new("topK_scores", c.InputOrNull("cotangent_scores"), LayerRun.Ending(links, "_from_scores")), new("balance_loss", null, LayerRun.Ending(links, "_from_loss"))],
        };
    }
}
