using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Adapters;

/// <summary>The routers and layers of transformers that go their own ways.</summary>
internal sealed class TransformersMore : IAdapter
{
    public string Peer => "transformers";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["JetMoeMoE"] = JetMoE,
        ["JetMoeMoA_map_reduce"] = JetMoA,
        ["PhimoeSparseMoeBlock"] = Phimoe,
        ["phimoe_sparsemixer_eval"] = static c => SparseMixers.Plan(c, "weights", "indices", c.Int("top_k")),
        ["phimoe_sparsemixer_train"] = static c => SparseMixers.Plan(c, "weights", "indices", c.Int("top_k")),
        ["DogeCDMoE"] = Doge,
        ["doge_load_balancing_loss_func"] = DogeLoss,
    };

    private static LayerPlan JetMoE(CaseReader c) => new LayerCase(c)
    {
        Layer = w => Specs.Glu(w, RouterProfiles.MistralInference(c.Int("num_local_experts"), c.Int("num_experts_per_tok"))) with { OutputBias = true },
        Activation = c.Word("activation_function"),
        Outputs = new Dictionary<string, Quantity> { ["topk_weights"] = Quantity.Weights, ["topk_indices"] = Quantity.Experts, ["router_logits"] = Quantity.Logits, ["expert_size"] = Quantity.Load },
    }.WithFusedExperts("experts.input_linear", Layout.GateThenUp, "experts.output_linear", Layout.Same).With(Link.Of("bias", WeightNames.OutputBias)).Plan();

    // The recorded test puts a tanh where attention would be.
    private static NamedTorchPlan JetMoA(CaseReader c)
    {
        var x = c.Input("hidden_states");
        (string Peer, string Own)[] names = [("router.weight", "router.weight"), ("experts.input_linear", "input"), ("experts.output_linear", "output"), ("bias", "bias")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        var router = RouterProfiles.MistralInference(c.Int("num_local_experts"), c.Int("num_experts_per_tok")) with { Ties = TieRule.Native };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output", "mapped" },
            Torch = (run, _) =>
            {
                var layer = new MixtureOfAttention(router, x.Size(^1), weights["input"].Size(1));
                run.Load(layer, "", weights);
                var (mapped, routing) = layer.map(run.Leaf("hidden_states", x).reshape(-1, x.Size(^1)));
                run["mapped"] = mapped;
                run["topk_indices"] = routing.ExpertIds;
                run["router_logits"] = routing.Logits!;
                run["output"] = layer.reduce(nn.Tanh().call(mapped), routing);
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), [Link.Of("hidden_states", "hidden_states"), .. names.Select(static n => Link.Of(n.Peer, n.Own))])],
        };
    }

    private static LayerPlan Phimoe(CaseReader c) => new LayerCase(c)
    {
        Layer = w => Specs.Glu(w, RouterProfiles.PhiMoE(c.Int("num_local_experts"), c.Int("num_experts_per_tok"), c.Double("router_jitter_noise"))),
        Activation = c.Word("hidden_act"),
        Outputs = new Dictionary<string, Quantity> { ["topk_weights"] = Quantity.Weights, ["topk_indices"] = Quantity.Experts, ["router_logits"] = Quantity.Logits },
    }.WithGluExperts().Plan();

    // The peer reads the rows of its gate's output as two lists, which mixes tokens and halves.
    private static NamedTorchPlan Doge(CaseReader c)
    {
        var x = c.Input("hidden_states");
        int experts = c.Int("num_experts"), k = c.Int("num_experts_per_tok"), n = c.Weight("router.weight").Half(0);
        (string Peer, string Own)[] names = [("down_embed", "down"), ("up_embed", "up")];
        var weights = names.ToDictionary(static t => t.Own, t => c.Weight(t.Peer));
        var router = new Dictionary<string, GoldenTensor> { ["weight"] = c.Weight("router.weight") };
        var shared = new Dictionary<string, GoldenTensor> { ["gate"] = c.Weight("shared.gate"), ["up"] = c.Weight("shared.up"), ["down"] = c.Weight("shared.down") };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var gate = nn.Linear(x.Size(^1), router["weight"].Size(0), hasBias: false);
                run.Load(gate, "router.", router);
                var bank = new NeuronExperts(experts, x.Size(^1), nn.SiLU());
                run.Load(bank, "", weights);
                var mlp = new SharedExpert(new ExpertSpec { Width = shared["up"].Size(0) }, new SharedExpertSpec { Width = shared["up"].Size(0) }, x.Size(^1));
                run.Load(mlp, "shared.", shared);
                var tokens = run.Leaf("hidden_states", x).reshape(-1, x.Size(^1));
                var lists = gate.call(tokens).view(2, tokens.shape[0], n);
                var found = ProductKeySearch.best(lists.unbind(), k, n);
                var weighed = TorchRouterLosses.normalized_scores(found.Scores, ScoreFunction.Softmax);
                run["router_logits"] = lists;
                run["final_topk_scores"] = found.Scores;
                run["output"] = TorchRouterLosses.total(mlp.call(tokens), bank.mix(tokens, found.Indices, weighed));
            },
            Derivatives =
            [
                new("output", c.InputOrNull("cotangent_output"),
                [
                    Link.Of("hidden_states", "hidden_states"), Link.Of("router.weight", "router.weight"), .. names.Select(static t => Link.Of(t.Peer, t.Own)),
                    Link.Of("shared.gate", "shared.gate"), Link.Of("shared.up", "shared.up"), Link.Of("shared.down", "shared.down"),
                ]),
            ],
        };
    }

    // Counts by expert are multiplied with probabilities by rank, as the peer does.
    private static NamedTorchPlan DogeLoss(CaseReader c)
    {
        var logits = c.Input("gate_logits");
        int experts = c.Int("num_experts"), n = c.Int("num_keys"), k = c.Int("top_k");
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var layers = run.Leaf("gate_logits", logits).unbind().Select(layer => ProductKeySearch.best(layer.unbind(), k, n)).ToArray();
                var ids = cat([.. layers.Select(static l => l.Indices)], 0);
                var probabilities = TorchRouterLosses.normalized_scores(cat([.. layers.Select(static l => l.AllScores)], 0), ScoreFunction.Softmax);
                run["loss"] = TorchRouterLosses.switch_load_balancing(probabilities, RoutingTensors.Of(experts, ids, zeros(ids.shape)).Load(), k);
            },
            Derivatives = [new("loss", null, [Link.Of("gate_logits", "gate_logits")])],
        };
    }
}
