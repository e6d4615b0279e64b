using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;

namespace MoE.Conformance.Adapters;

internal sealed class Torchscale : IAdapter
{
    public string Peer => "torchscale_xmoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["Top1Gate"] = static c => Gate(c, RouterProfiles.TorchscaleTop1(c.Int("num_experts"), c.DoubleOr("capacity_factor", 1), Fraction(c))),
        ["Top2Gate"] = static c => Gate(c, RouterProfiles.TorchscaleTop2(
            c.Int("num_experts"),
            Fraction(c),
            Policy(c.WordOr("second_expert_policy", "sampling")),
            c.BoolOr("normalize_gate_prob_before_dropping", false),
            c.BoolOr("batch_prioritized_routing", false))),
    };

    private static double Fraction(CaseReader c) => c.DoubleOr("moe_eval_capacity_token_fraction", 0.25);

    public static SecondExpertPolicy Policy(string word) => word switch
    {
        "all" => SecondExpertPolicy.All,
        "random" => SecondExpertPolicy.Random,
        "sampling" => SecondExpertPolicy.Sampling,
        _ => throw new NotSupportedException($"second_expert_policy {word} is not known"),
    };

    private static NamedTorchPlan Gate(CaseReader c, RouterSpec router)
    {
        var x = c.Input("x");
        bool reduced = c.HasWeight("wg_reduction.weight");
        (string Peer, string Own)[] names = reduced ? [("wg_reduction.weight", "reduction.weight"), ("wg", "experts")] : [("wg.weight", "weight")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        var call = new RoutingCase
        {
            Router = router,
            Training = c.Bool("training"),
            Noise = Draws.Of((NoiseNames.Logits, c.RandomOrNull("draw0_gumbel")), (NoiseNames.LaterChoices, c.RandomOrNull("draw0_rand_like"))),
        };
        Link[] links = [Link.Of("x", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own))];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                SpecGate gate = reduced ? new XMoEGate(call.Router, x.Size(1), weights["experts"].Size(1)) : new TopKGate(call.Router, x.Size(1));
                run.Load(gate, "", weights);
                gate.train(call.Training);
                var routing = gate.call(run.Leaf("x", x), call.Context());
                run["combine_weights"] = routing.ToCombineTensor();
                run["dispatch_mask"] = routing.ToDispatchMask();
                run["l_aux"] = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(choices: 1), 1);
                run["entropy_gating"] = TorchRouterLosses.token_entropy(routing.Scores!);
                var state = gate.state_dict();
                foreach (var (peer, own) in names) run[$"weights_after.{peer}"] = state[own];
            },
            Managed = (values, _) =>
            {
                float[] logits = new LinearGate(call.Router, HostValues.Floats(weights["weight"])).Logits(new GateInput(HostValues.Floats(x), x.Size(1)));
                var routing = call.Managed(logits);
                int capacity = routing.Plan.Capacity!.Value;
                var combine = HostValues.Singles([routing.TokenCount, routing.ExpertCount, capacity], routing.ToCombineTensor(call.Router.Dispatch, capacity));
                values["combine_weights"] = combine;
                values["dispatch_mask"] = Signs.NotZero(combine);
                values["l_aux"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(choices: 1), 1)]);
                values["entropy_gating"] = HostValues.Doubles([], [RouterLosses.TokenEntropy(routing.Scores, routing.ExpertCount)]);
                values["weights_after.wg.weight"] = weights["weight"];
            },
            Derivatives =
            [
                new("combine_weights", c.InputOrNull("cotangent_combine"), LayerRun.Ending(links, "_from_combine")),
                new("l_aux", null, LayerRun.Ending(links, "_from_l_aux")),
            ],
        };
    }
}
