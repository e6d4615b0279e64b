using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class StMoE : IAdapter
{
    public string Peer => "st_moe_pytorch";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["TopNGating"] = Gating, ["MoE"] = Layer };

    // One number stands for every later choice; a list has one for the first choice too in some versions.
    private static IReadOnlyList<double>? Thresholds(CaseReader c, string option, int n) => c.ListOrScalar(option) switch
    {
        null => null,
        { Count: 1 } one => [.. Enumerable.Repeat(one[0], n).Skip(1)],
        var many => [.. many.TakeLast(n).Skip(many.Count == n ? 1 : 0)],
    };

    private static RouterSpec Router(CaseReader c, int experts, bool training, string threshold)
    {
        int n = c.IntOr("top_n", 2);
        return RouterProfiles.StMoE(
            experts,
            n,
            Thresholds(c, training ? $"{threshold}_train" : $"{threshold}_eval", n),
            c.DoubleOr("capacity_factor_train", 1.25),
            c.DoubleOr("capacity_factor_eval", 2.0),
            c.BoolOr("noise_gates", false) && training ? c.DoubleOr("noise_mult", 1) : 0,
            c.BoolOr("differentiable_topk", false)) with
        { Ties = TieRule.Native };
    }

    private static RecordedNoise Noise(CaseReader c, bool noisy)
    {
        var uniform = c.Random(noisy ? "draw1_uniform" : "draw0_uniform");
        return Draws.Of((NoiseNames.LaterChoices, uniform.Slice(0, 1, uniform.Rest(0))), (NoiseNames.Logits, noisy ? Draws.Gumbel(c.Random("draw0_uniform")) : null));
    }

    private static NamedTorchPlan Gating(CaseReader c)
    {
        bool training = c.Bool("training"), straight = c.BoolOr("straight_through_dispatch_tensor", true);
        var router = Router(c, c.Int("num_gates"), training, "threshold");
        var gate = new GroupedGate
        {
            Router = router,
            Noise = Noise(c, router.Noise is not null),
            Training = training,
            X = c.Input("x"),
            Weight = c.Weight("router.weight"),
            Link = Link.Of("router.weight", "weight"),
        };
        Link[] links = [Link.Of("x", "x"), gate.Link];
        var cotangent = c.InputOrNull("cotangent_dispatch_and_combine");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = gate.Torch(run);
                run["gate_logits"] = routing.Logits!;
                run["combine"] = routing.ToCombineTensor();
                run["dispatch"] = straight ? routing.ToStraightThroughDispatch() : routing.ToDispatchMask().to(torch.ScalarType.Float32);
                run["balance_loss"] = training ? GroupedGate.Balance(routing, kept: true) : torch.zeros(1);
                run["router_z_loss"] = training ? TorchRouterLosses.z_loss(routing.Logits!) : torch.zeros(1);
            },
            Managed = (values, _) =>
            {
                var (logits, routing) = gate.Managed();
                var combine = GroupedGate.Combine(routing, gate);
                values["gate_logits"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], logits);
                values["combine"] = combine;
                values["dispatch"] = Signs.Ones(combine);
                values["balance_loss"] = HostValues.Doubles([], [training ? GroupedGate.Balance(routing, gate.X.Size(^2), kept: true) : 0]);
                values["router_z_loss"] = HostValues.Doubles([], [training ? RouterLosses.ZLoss(logits, routing.ExpertCount) : 0]);
            },
            Derivatives =
            [
                new("combine", cotangent, LayerRun.Ending(links, "_from_combine")),
                new("dispatch", cotangent, LayerRun.Ending(links, "_from_dispatch")),
                new("balance_loss", null, LayerRun.Ending(links, "_from_balance_loss")),
                new("router_z_loss", null, LayerRun.Ending(links, "_from_z_loss")),
            ],
        };
    }

    private static NamedTorchPlan Layer(CaseReader c)
    {
        bool training = c.Bool("training");
        int experts = c.Int("num_experts");
        var x = c.Input("x");
        var router = Router(c, experts, training, "threshold");
        var noise = Noise(c, router.Noise is not null);
        double balance = c.Double("balance_loss_coef"), z = c.Double("router_z_loss_coef");
        var weights = new Dictionary<string, GoldenTensor> { ["router.weight"] = c.Weight("gate.to_gates.weight") };
        var links = new List<Link> { Link.Of("x", "x"), Link.Of("gate.to_gates.weight", "router.weight") };
        foreach (int e in Enumerable.Range(0, experts))
        {
            foreach (var (peer, own) in new[] { ("net.0.weight", "up.weight"), ("net.0.bias", "up.bias"), ("net.1.mult_bias", "scale"), ("net.2.weight", "down.weight"), ("net.2.bias", "down.bias") })
            {
                string name = c.HasWeight($"experts.experts.{e}.{peer}") ? $"experts.experts.{e}.{peer}" : $"experts.experts.{e}.{peer.Replace("net.2", "net.3", StringComparison.Ordinal)}";
                weights[$"experts.items.{e}.{own}"] = c.Weight(name);
                links.Add(Link.Of(name, $"experts.items.{e}.{own}"));
            }
        }

        int hidden = c.Weight("experts.experts.0.net.1.mult_bias").Size(0);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "outputs" },
            Torch = (run, _) =>
            {
                var layer = new MoELayer(new TopKGate(router, x.Size(^1)), new ModuleExperts(Enumerable.Range(0, experts).Select(_ => new ScaledGeglu(x.Size(^1), hidden))))
                {
                    Losses = [new RouterLoss("balance", balance, static (r, _) => GroupedGate.Balance(r, kept: true)), RouterLoss.ZLoss(z)],
                    StraightThroughDispatch = c.BoolOr("straight_through_dispatch_tensor", true),
                };
                run.Load(layer, "", weights);
                layer.train(training);
                var result = layer.route(run.Leaf("x", x), new GateContext { Noise = noise, SequenceLength = x.Size(^2) });
                run["outputs"] = result.Output;
                run["balance_loss"] = training ? GroupedGate.Balance(result.Routing, kept: true) : torch.zeros(1);
                run["router_z_loss"] = training ? TorchRouterLosses.z_loss(result.Routing.Logits!) : torch.zeros(1);
                run["total_aux_loss"] = result.TotalLoss();
            },
            Derivatives = [new("outputs", c.InputOrNull("cotangent_outputs"), links) { Also = training ? ["total_aux_loss"] : [] }],
        };
    }
}
