using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Adapters;

internal sealed class PeerPytorch : IAdapter
{
    public string Peer => "peer_pytorch";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["PEER"] = Layer, ["PK"] = Retrieve };

    private static NamedTorchPlan Layer(CaseReader c)
    {
        var x = c.Input("x");
        bool normalized = c.HasWeight("norm.gamma");
        (string Peer, string Own)[] names = [("keys", "keys"), ("weight_down_embed.weight", "experts.down"), ("weight_up_embed.weight", "experts.up"), ("to_queries.0.weight", "queries")];
        if (normalized) names = [.. names, ("norm.gamma", "gamma")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new Peer(
                    c.Int("dim"),
                    c.Int("num_experts"),
                    c.Int("heads"),
                    c.Int("num_experts_per_head"),
                    weights["keys"].Size(3),
                    c.BoolOr("separate_embed_per_head", false),
                    !c.BoolOr("non_competing_scores", false),
                    normalized);
                run.Load(layer, "", weights);
                run["output"] = layer.call(run.Leaf("x", x));
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), [Link.Of("x", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own))])],
        };
    }

    private static NamedTorchPlan Retrieve(CaseReader c)
    {
        var x = c.Input("x");
        var weights = new Dictionary<string, GoldenTensor> { ["keys"] = c.Weight("keys"), ["queries"] = c.Weight("to_queries.0.weight") };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var search = new ProductKeyRetrieval(
                    c.Int("dim"),
                    weights["keys"].Size(3),
                    c.Int("heads"),
                    c.Int("num_keys"),
                    c.Int("product_keys"),
                    c.Int("final_topk"),
                    c.Int("product_key_topk"),
                    c.Bool("softmax_scores"));
                run.Load(search, "", weights);
                var (scores, indices) = search.retrieve(run.Leaf("x", x).reshape(-1, x.Size(^1)));
                run["scores"] = scores;
                run["indices"] = indices;
            },
            Derivatives = [new("scores", c.InputOrNull("cotangent_scores"), [Link.Of("x", "x"), Link.Of("keys", "keys"), Link.Of("to_queries.0.weight", "queries")])],
        };
    }
}

internal sealed class ScatterMoE : IAdapter
{
    public string Peer => "scattermoe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["dumb_forward"] = Forward };

    // The routing is an input.
    private static NamedTorchPlan Forward(CaseReader c)
    {
        var x = c.Input("x");
        var ids = c.Input("expert_idxs");
        var p = c.Input("expert_p");
        int experts = c.Int("num_experts"), k = c.Int("top_k");
        (string Peer, string Own)[] names = c.Bool("bias")
            ? [("experts.weight", "up"), ("output_experts.weight", "down"), ("experts.bias", "up_bias"), ("output_experts.bias", "down_bias")]
            : [("experts.weight", "up"), ("output_experts.weight", "down")];
        var weights = names.ToDictionary(static n => n.Own, n => c.Weight(n.Peer));
        var form = new ExpertSpec { Width = weights["up"].Size(1), Form = ExpertForm.FeedForward, Activation = Activation.Gelu, Biases = c.Bool("bias") };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "y" },
            Torch = (run, _) =>
            {
                var bank = new StackedExperts(form, experts, x.Size(1));
                run.Load(bank, "", weights);
                var layer = new MoELayer(new GivenGate(experts, k), bank);
                run["y"] = layer.mix(run.Leaf("x", x), RoutingTensors.Of(experts, TorchValues.Tensor(ids), run.Leaf("expert_p", p)));
            },
            Managed = (values, _) =>
            {
                var source = new WeightDictionary();
                foreach (var (own, tensor) in weights) source.Add($"experts.{own}", HostValues.Floats(tensor), [.. tensor.Shape]);
                source.Add(WeightNames.Router, HostValues.Floats(HostValues.Zeros(experts, x.Size(1))), experts, x.Size(1));
                var spec = new MoELayerSpec { Width = x.Size(1), Router = new RouterSpec { Experts = experts, Select = new TopKSelection { K = k } }, Expert = form };
                using var layer = new ReferenceLayer(spec, source, new FixedGate(new TopKRouting(x.Size(0), experts, k, HostValues.Ints(ids), HostValues.Floats(p))));
                var output = new float[x.Count];
                layer.Forward(HostValues.Floats(x), output);
                values["y"] = HostValues.Singles([.. x.Shape], output);
            },
            Derivatives = [new("y", c.InputOrNull("cotangent_y"), [Link.Of("x", "x"), Link.Of("expert_p", "expert_p"), .. names.Select(static n => Link.Of(n.Peer, n.Own))])],
        };
    }

    private sealed class FixedGate(TopKRouting routing) : IGate
    {
        public string Name => "fixed";

        public int ExpertCount => routing.ExpertCount;

        public Routing Route(in GateInput input) => routing;
    }
}

internal sealed class SoftMoEPytorch : IAdapter
{
    public string Peer => "soft_moe_pytorch";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["SoftMoE"] = Fixed, ["DynamicSlotsSoftMoE"] = Dynamic };

    private static ModuleExperts Bank(CaseReader c, Parts parts, string peer)
    {
        int experts = c.Int("num_experts"), width = c.Int("dim");
        var modules = new List<nn.Module<Tensor, Tensor>>();
        foreach (int e in Enumerable.Range(0, experts))
        {
            modules.Add(nn.Sequential(
                parts.Linear($"{peer}.{e}.0", $"experts.items.{e}.0"),
                nn.GELU(),
                nn.Dropout(0),
                parts.Linear($"{peer}.{e}.3", $"experts.items.{e}.3")));
        }

        return new ModuleExperts(modules);
    }

    private static NamedTorchPlan Fixed(CaseReader c)
    {
        var x = c.Input("x");
        var mask = c.InputOrNull("mask")?.ToFlags().Not();
        var parts = new Parts(c);
        parts.Add("slot_embeds", "slot_embeds");
        parts.Add("norm.gamma", "gamma");
        parts.Add("slot_norm.gamma", "slot_gamma");
        Bank(c, parts, "experts.experts").Dispose();
        var uniform = c.RandomOrNull("draw0_uniform");
        var noise = Draws.Of((NoiseNames.Logits, uniform is null ? null : Draws.Gumbel(uniform)));
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new SoftMoE(c.Int("dim"), c.Int("num_slots"), Bank(c, new Parts(c), "experts.experts"), noise: c.Bool("add_noise") ? c.DoubleOr("noise_mult", 1) : 0);
                run.Load(layer, "", parts.Weights);
                run["output"] = layer.route(run.Leaf("x", x), new GateContext { Noise = noise, Padding = TorchValues.Tensor(mask) }).Output;
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), parts.Links)],
        };
    }

    private static NamedTorchPlan Dynamic(CaseReader c)
    {
        var x = c.Input("x");
        var mask = c.InputOrNull("mask")?.ToFlags().Not();
        var parts = new Parts(c);
        parts.Add("norm.gamma", "gamma");
        parts.Add("to_slot_embeds.0.weight", "to_slots.weight");
        parts.Add("to_slot_embeds.2.gamma", "slot_gamma");
        Bank(c, parts, "experts").Dispose();
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var layer = new DynamicSoftMoE(c.Int("dim"), Bank(c, new Parts(c), "experts"));
                run.Load(layer, "", parts.Weights);
                run["output"] = layer.route(run.Leaf("x", x), TorchValues.Tensor(mask)).Output;
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), parts.Links)],
        };
    }
}

internal sealed class PlusPlus : IAdapter
{
    public string Peer => "moe_plus_plus";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["MOE"] = Layer };

    private static NamedTorchPlan Layer(CaseReader c)
    {
        var x = c.Input("x");
        int experts = c.Int("num_experts"), k = c.Int("top_k");
        bool deep = c.BoolOr("moe_2layer_gate", false);
        int networks = Enumerable.Range(0, experts).Count(e => c.HasWeight($"moe.experts.experts.{e}.fc1.weight")), constants = Enumerable.Range(0, experts).Count(e => c.HasWeight($"moe.experts.experts.{e}.constant"));
        var previous = c.InputOrNull("gate_residual");
        var links = new List<Link> { Link.Of("moe.gate.gate_map.weight", "router.residual") };
        links.AddRange(deep
            ? [Link.Of("moe.gate.wg.0.weight", "router.scorer.0.weight"), Link.Of("moe.gate.wg.2.weight", "router.scorer.2.weight")]
            : [Link.Of("moe.gate.wg.weight", "router.scorer.weight")]);
        Link Each(string part, string own, int start, int count) => new([.. Enumerable.Range(start, count).Select(e => $"moe.experts.experts.{e}.{part}")], [own], Layout.PerExpert);
        links.AddRange([Each("fc1.weight", "experts.up", 0, networks), Each("fc2.weight", "experts.down", 0, networks), Each("constant", "experts.constant_value", networks, constants), Each("wg.weight", "experts.constant_mix", networks, constants)]);
        var weights = links.ToDictionary(static l => l.LibraryNames[0], l => l.Layout.ToLibrary([.. l.PeerNames.Select(c.Weight)])[0]);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                // Its Mixtral gating knows no zero expert.
                var router = c.BoolOr("moe_use_mixtral_gating", false) ? RouterProfiles.Mixtral(experts, k) : RouterProfiles.MoEPlusPlus(experts, k);
                var gate = new PlusPlusGate(router with { Ties = TieRule.Native }, x.Size(^1), deep, c.BoolOr("moe_use_logits_norm", false) ? c.DoubleOr("moe_gate_norm_std", 1) : null);
                var form = new ExpertSpec { Width = weights["experts.up"].Size(1), Form = ExpertForm.FeedForward, Activation = Activation.Relu };
                var layer = new MoELayer(gate, new StackedExperts(form, experts, x.Size(^1), special: new SpecialExperts { Constant = constants, Copy = 1, Zero = 1 }))
                {
                    // The peer doubles its input in place, unless told otherwise.
                    InputScale = c.BoolOr("moe_use_mixtral_gating", false) || c.BoolOr("moe_feature_no_mul_topk", false) ? 1 : k,
                };
                run.Load(layer, "", weights);
                var result = layer.route(run.Leaf("x", x), new GateContext { PreviousLogits = TorchValues.Tensor(previous) });
                run["output"] = result.Output;
                run["router_logits"] = result.Routing.Logits!;
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), [Link.Of("x", "x"), .. links])],
        };
    }
}

internal sealed class SparseMixers : IAdapter
{
    public string Peer => "sparsemixer";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>> { ["SparseMixer"] = First, ["sparsemixerv2_routing"] = Second };

    private static NamedTorchPlan First(CaseReader c)
    {
        var logits = c.Input("logits");
        var weights = new Dictionary<string, GoldenTensor> { ["omega"] = c.Weight("omega") };
        var noise = Draws.Of(($"{NoiseNames.Sample}0", c.RandomOrNull("draw0_exponential")), ($"{NoiseNames.Heun}0", c.RandomOrNull("draw1_rand_like")));
        Link[] links = [Link.Of("logits", "logits"), Link.Of("omega", "omega")];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var gate = new SparseMixerGate(c.Int("embed_dim"), c.Double("jitter_eps"));
                run.Load(gate, "", weights);
                gate.train(c.Bool("training"));
                var (experts, multiplier, balance) = gate.route(run.Leaf("logits", logits), new GateContext { Noise = noise });
                run["sample"] = experts;
                run["multiplier"] = multiplier;
                run["balance_loss"] = balance;
            },
            Derivatives = [new("multiplier", c.InputOrNull("cotangent_multiplier"), LayerRun.Ending(links, "_from_multiplier")), new("balance_loss", null, LayerRun.Ending(links, "_from_balance"))],
        };
    }

    private static NamedTorchPlan Second(CaseReader c)
    {
        // The peer draws in evaluation too, and the draws change nothing then.
        if (!c.Bool("training"))
        {
            foreach (string unused in new[] { "draw0_rand_like", "draw1_rand_like", "draw2_uniform" }) c.Ignore(unused);
        }

        return Plan(c, "multiplier", "selected_experts", c.Int("top_k"));
    }

    public static NamedTorchPlan Plan(CaseReader c, string weights, string experts, int k)
    {
        var scores = c.Input("scores");
        bool training = c.Bool("training");
        if (training && k > 1) c.Ignore("draw3_rand_like");
        var call = new RoutingCase
        {
            Router = RouterProfiles.PhiMoE(scores.Size(^1), k, c.Double("jitter_eps")),
            Logits = scores,
            Training = training,
            Noise = training
                ? Draws.Of(
                    ($"{NoiseNames.Sample}0", c.RandomOrNull("draw0_exponential")),
                    ($"{NoiseNames.Heun}0", c.RandomOrNull("draw1_rand_like")),
                    ($"{NoiseNames.Sample}1", c.RandomOrNull("draw2_exponential")),
                    ($"{NoiseNames.Heun}1", c.RandomOrNull("draw4_uniform")))
                : Draws.Of(),
        };
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            Torch = (run, _) =>
            {
                var routing = call.Torch(run.Leaf("scores", scores));
                run[weights] = routing.Weights;
                run[experts] = routing.ExpertIds;
                if (c.Function == "sparsemixerv2_routing") run["original_gates"] = TorchRouterLosses.normalized_scores(routing.Logits!, ScoreFunction.Softmax);
            },
            Managed = (values, _) =>
            {
                var routing = call.Managed();
                values[weights] = HostValues.Singles([routing.TokenCount, k], routing.Weights);
                values[experts] = HostValues.Integers([routing.TokenCount, k], routing.ExpertIds);
                if (c.Function == "sparsemixerv2_routing") values["original_gates"] = HostValues.Singles([routing.TokenCount, routing.ExpertCount], RouterLosses.NormalizedScores(HostValues.Floats(scores), routing.ExpertCount, ScoreFunction.Softmax));
            },
            Derivatives = [new(weights, c.InputOrNull($"cotangent_{weights}"), [Link.Of("scores", "scores")])],
        };
    }
}
