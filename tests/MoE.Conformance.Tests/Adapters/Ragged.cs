using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class DynamicMoE : IAdapter
{
    public string Peer => "dynamic_moe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["top_p"] = TopP, ["SwitchMLP"] = Layer };

    private static NamedTorchPlan TopP(CaseReader c)
    {
        var logits = c.Input("logits");
        var call = new RoutingCase { Router = RouterProfiles.DynamicTopP(logits.Size(^1), c.Double("top_p")), Logits = logits.Rows() };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("logits", logits).reshape(-1, logits.Size(^1)));
                run["probs"] = routing.Scores!;
                run["sorted_probs_kept"] = routing.Weights;
                run["sorted_indices_kept"] = routing.ExpertIds;
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                int[] shape = [routing.TokenCount, routing.ExpertCount];
                values["probs"] = HostValues.Singles(shape, routing.Scores);
                values["sorted_probs_kept"] = HostValues.Singles(shape, routing.Weights);
                values["sorted_indices_kept"] = HostValues.Integers(shape, routing.ExpertIds);
            },
            Derivatives = [new("sorted_probs_kept", c.InputOrNull("cotangent_sorted_probs"), [Link.Of("logits", "logits")])],
        };
    }

    private static NamedTorchPlan Layer(CaseReader c)
    {
        int experts = c.Int("num_experts");
        var router = RouterProfiles.DynamicTopP(experts, c.Double("top_p"));
        return new LayerRun
        {
            Case = c,
            Call = new RoutingCase { Router = router },
            Spec = new MoELayerSpec { Width = c.Input("x").Size(^1), Router = router, Expert = new ExpertSpec { Width = c.Weight("experts.0.gate_proj.weight").Size(0) } },
            Weights =
            [
                Link.Of("router.weight", WeightNames.Router),
                PerExpert("gate_proj", WeightNames.ExpertGate, experts),
                PerExpert("up_proj", WeightNames.ExpertUp, experts),
                PerExpert("down_proj", WeightNames.ExpertDown, experts),
            ],
        }.Plan();
    }

    public static Link PerExpert(string peer, string library, int experts) => new([.. Enumerable.Range(0, experts).Select(e => $"experts.{e}.{peer}.weight")], [library], Layout.PerExpert);
}

internal sealed class DynMoE : IAdapter
{
    public string Peer => "dynmoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["GAMoEGate"] = Gate, ["GAMoEGateT"] = Gate };

    private static NamedTorchPlan Gate(CaseReader c)
    {
        var x = c.Input("x");
        string[] names = c.HasWeight("temperature") ? ["sim_matrix", "gates", "experts_mask", "temperature"] : ["sim_matrix", "gates", "experts_mask"];
        var weights = names.ToDictionary(static n => n, c.Weight);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new DynamicGate(c.Int("max_expert_num"), c.Int("model_dim"), c.Int("num_experts"), c.HasWeight("temperature") ? 0.5 : null);
                run.Load(gate, "", weights);
                gate.train(c.Bool("training"));
                var (choice, count) = gate.choose(run.Leaf("x", x));
                run["logits"] = choice;
                run["top_k"] = count;
            },
            Derivatives = [new("logits", c.InputOrNull("cotangent_logits"), [Link.Of("x", "x"), .. names.Select(static n => Link.Of(n, n))])],
        };
    }
}

internal sealed class ReMoE : IAdapter
{
    public string Peer => "remoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["ReLURouter"] = Router };

    private static NamedTorchPlan Router(CaseReader c)
    {
        var x = c.Input("x");
        bool training = c.Bool("training");
        int k = c.Int("topk");
        double coefficient = c.Double("l1_coeff");
        var router = RouterProfiles.ReMoE(c.Int("num_experts"));
        var weights = new Dictionary<string, GoldenTensor> { ["weight"] = c.Weight("router.weight") };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new TopKGate(router, x.Size(^1));
                run.Load(gate, "", weights);
                gate.train(training);
                var routing = gate.call(run.Leaf("x", x).reshape(-1, x.Size(^1)), GateContext.Empty);
                var loss = RouterLoss.Weighted(TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(), k), coefficient);
                var scores = routing.ToDenseWeights();
                run["scores"] = training ? LossAttachment.attach(scores, loss) : scores;
                run["routing_map"] = routing.ToMap();
                run["l1_reg"] = loss;
                run["sparsity"] = TorchRouterLosses.sparsity(routing);
            },
            Managed = (values, _) =>
            {
                float[] logits = new LinearGate(router, HostValues.Floats(weights["weight"])).Logits(new GateInput(HostValues.Floats(x), x.Size(^1)));
                var routing = new RoutingCase { Router = router }.Managed(logits);
                values["scores"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], routing.ToDenseWeights());
                values["routing_map"] = HostValues.Map(routing);
                values["l1_reg"] = HostValues.Doubles([], [RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Demand(), k, coefficient: coefficient)]);
                values["sparsity"] = HostValues.Doubles([], [RouterLosses.Sparsity(routing)]);
            },
            Derivatives = [new("scores", c.InputOrNull("cotangent_scores"), [Link.Of("x", "x"), Link.Of("router.weight", "weight")])],
        };
    }
}

internal sealed class GumbelSoftmax : IAdapter
{
    public string Peer => "torch";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["gumbel_softmax"] = Sample };

    public static GateContext Context(CaseReader c) => new() { Noise = Draws.Of((NoiseNames.Logits, Draws.GumbelOfExponential(c.Random("draw0_exponential")))) };

    private static NamedTorchPlan Sample(CaseReader c)
    {
        var logits = c.Input("logits");
        var context = Context(c);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) => run["y"] = DenseToSparse.gumbel_softmax(run.Leaf("logits", logits).reshape(-1, logits.Size(^1)), c.Double("tau"), context, c.Bool("hard")),
            Derivatives = [new("y", c.InputOrNull("cotangent"), [Link.Of("logits", "logits")])],
        };
    }
}

internal sealed class EvoMoE : IAdapter
{
    public string Peer => "evomoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["topkgating_dense_to_sparse"] = Gating };

    private static NamedTorchPlan Gating(CaseReader c)
    {
        var logits = c.Input("logits");
        var context = c.HasRandom("draw0_exponential") ? GumbelSoftmax.Context(c) : GateContext.Empty;
        var options = new DenseToSparseOptions
        {
            Temperature = c.Double("gumbel_temperature"),
            Soft = c.Bool("soft_gumbel_training"),
            WeighsByGumbel = c.Bool("use_gumbel_gates"),
            Threshold = c.DoubleOr("threshold", 0.001),
        };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = DenseToSparse.route(run.Leaf("logits", logits), options, context);
                run["gates"] = routing.ToDenseWeights();
                run["dispatch_mask_te"] = routing.ToMap();
                // Without a choice there is nothing to balance.
                run["l_aux"] = options.Temperature == 0 ? torch.zeros([]) : TorchRouterLosses.switch_load_balancing(routing.ToDenseWeights(), routing.Load(), 1);
            },
            Derivatives = [new("gates", c.InputOrNull("cotangent_gates"), [Link.Of("logits_from_gates", "logits")]), new("l_aux", null, [Link.Of("logits_from_l_aux", "logits")])],
        };
    }
}
