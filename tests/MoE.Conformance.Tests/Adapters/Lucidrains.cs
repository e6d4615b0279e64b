using MoE.Conformance.Engines;
using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;

namespace MoE.Conformance.Adapters;

internal sealed class Lucidrains : IAdapter
{
    public string Peer => "lucidrains_moe";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["Top2Gating"] = Gating,
        ["MoE"] = Layer,
        ["HeirarchicalMoE"] = Hierarchical,
    };

    private static LaterRule? Rule(CaseReader c) => c.Word("policy") switch
    {
        "all" => null,
        "none" => LaterRule.None,
        "threshold" => LaterRule.Threshold,
        "random" => LaterRule.Random,
        var word => throw new NotSupportedException($"policy {word} is not known"),
    };

    private static NamedTorchPlan Gating(CaseReader c)
    {
        double factor = c.Double("capacity_factor");
        var x = c.Input("x");
        return GroupedGate.Plan(c, new GroupedGate
        {
            Router = RouterProfiles.LucidrainsTop2(c.Int("num_gates"), Rule(c), c.DoubleOr("threshold", 0.2), factor, factor) with { Ties = TieRule.Native },
            Noise = Draws.Of((NoiseNames.LaterChoices, c.RandomOrNull("draw0_uniform"))),
            Training = c.Bool("training"),
            X = x,
            Weight = c.Weight("w_gating").Transpose(),
            Link = Link.Of("w_gating", "weight", Layout.Transposed),
        });
    }

    private static RouterSpec Router(CaseReader c, int experts) => RouterProfiles.LucidrainsTop2(experts, Rule(c), capacityFactor: c.Double("capacity_factor_train")) with { Ties = TieRule.Native };

    private static NamedTorchPlan Layer(CaseReader c)
    {
        var x = c.Input("x");
        double coefficient = c.Double("loss_coef");
        var call = new RoutingCase { Router = Router(c, c.Int("num_experts")), Training = c.BoolOr("training", true), SequenceLength = x.Size(^2), Noise = Draws.Of((NoiseNames.LaterChoices, c.RandomOrNull("draw0_uniform"))) };
        return new LayerRun
        {
            Case = c,
            Call = call,
            Spec = LayerRun.TwoMatrixSpec(c, call.Router),
            Weights = [Link.Of("gate.w_gating", WeightNames.Router, Layout.Transposed), .. LayerRun.TwoMatrices.Skip(1)],
            More = (run, result) => run["loss"] = new RouterLoss("balance", coefficient, (r, _) => GroupedGate.Balance(r, kept: false)).Of(result.Routing, null),
            Also = ["loss"],
            ManagedMore = (values, routing) => values["loss"] = HostValues.Doubles([], [GroupedGate.Balance(routing, call.SequenceLength, kept: false, coefficient)]),
        }.Plan();
    }

    private static NamedTorchPlan Hierarchical(CaseReader c)
    {
        var x = c.Input("x");
        int[] experts = [.. c.ListOrNull("num_experts")!.Select(static n => (int)n)];
        double coefficient = c.Double("loss_coef");
        var flat = Layout.Then(Layout.GroupsAndExperts(experts[0], experts[1]), Layout.Transposed);
        (string Peer, string Own, Layout Layout)[] names =
        [
            ("gate_outer.w_gating", "outer.weight", Layout.Transposed),
            ("gate_inner.w_gating", "inner", Layout.Transposed),
            ("experts.w1", "experts.up", flat),
            ("experts.w2", "experts.down", flat),
        ];
        var weights = names.ToDictionary(static n => n.Own, n => n.Layout.ToLibrary([c.Weight(n.Peer)])[0]);
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { "output" },
            Torch = (run, _) =>
            {
                var form = new ExpertSpec { Width = c.Int("hidden_dim"), Form = ExpertForm.FeedForward, Activation = Activation.Relu };
                var layer = new HierarchicalMoE(Router(c, experts[0]), Router(c, experts[1]), new StackedExperts(form, weights["experts.up"].Size(0), x.Size(^1)), x.Size(^1));
                run.Load(layer, "", weights);
                layer.train();
                var (output, loss) = layer.route(run.Leaf("x", x));
                run["output"] = output;
                run["loss"] = RouterLoss.Weighted(loss, coefficient);
            },
            Derivatives = [new("output", c.InputOrNull("cotangent_output"), [Link.Of("x", "x"), .. names.Select(static n => Link.Of(n.Peer, n.Own, n.Layout))]) { Also = ["loss"] }],
        };
    }
}

/// <summary>A gate whose capacity is counted per sequence, described as [B, N, E, C] tensors.</summary>
internal sealed record GroupedGate
{
    public required RouterSpec Router { get; init; }

    public required INoiseSource Noise { get; init; }

    public required bool Training { get; init; }

    public required GoldenTensor X { get; init; }

    public required GoldenTensor Weight { get; init; }

    public required Link Link { get; init; }

    public static torch.Tensor Balance(RoutingTensors routing, bool kept) =>
        TorchRouterLosses.sequence_load_balancing(routing.Scores!, routing.ToMap(kept, choices: 1), routing.SequenceLength);

    public static double Balance(TopKRouting routing, int length, bool kept, double coefficient = 1) =>
        RouterLosses.Weighted(RouterLosses.SequenceLoadBalancing(routing.Scores, HostValues.Map(routing, kept, 1), routing.ExpertCount, length), coefficient);

    public RoutingCase Case => new() { Router = Router, Noise = Noise, Training = Training, SequenceLength = X.Size(^2) };

    public RoutingTensors Torch(TorchRun run)
    {
        var gate = new TopKGate(Router, X.Size(^1));
        run.Load(gate, "", new Dictionary<string, GoldenTensor> { ["weight"] = Weight });
        gate.train(Training);
        return gate.call(run.Leaf("x", X).reshape(-1, X.Size(^1)), Case.Context());
    }

    public (float[] Logits, TopKRouting Routing) Managed()
    {
        float[] logits = new LinearGate(Router, HostValues.Floats(Weight)).Logits(new GateInput(HostValues.Floats(X), X.Size(^1)));
        return (logits, Case.Managed(logits));
    }

    public static NamedTorchPlan Plan(CaseReader c, GroupedGate gate) => new()
    {
        Outputs = NamedPlan.None,
        Torch = (run, _) =>
        {
            var routing = gate.Torch(run);
            run["combine"] = routing.ToCombineTensor();
            run["dispatch"] = routing.ToDispatchMask().to(torch.ScalarType.Float32);
            run["loss"] = Balance(routing, kept: false);
        },
        Managed = (values, _) =>
        {
            var (_, routing) = gate.Managed();
            var combine = Combine(routing, gate);
            values["combine"] = combine;
            values["dispatch"] = Signs.Ones(combine);
            values["loss"] = HostValues.Doubles([], [Balance(routing, gate.X.Size(^2), kept: false)]);
        },
        Derivatives =
        [
            new("combine", c.InputOrNull("cotangent_combine"), LayerRun.Ending([Link.Of("x", "x"), gate.Link], "_from_combine")),
            new("loss", null, LayerRun.Ending([Link.Of("x", "x"), gate.Link], "_from_loss")),
        ],
    };

    public static GoldenTensor Combine(TopKRouting routing, GroupedGate gate)
    {
        int capacity = routing.Plan.Capacity!.Value;
        return HostValues.Singles([routing.TokenCount, routing.ExpertCount, capacity], routing.ToCombineTensor(gate.Router.Dispatch, capacity, gate.X.Size(^2)));
    }
}
