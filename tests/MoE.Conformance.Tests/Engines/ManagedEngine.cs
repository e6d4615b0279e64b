using MoE.Conformance.Runner;

namespace MoE.Conformance.Engines;

/// <summary>The managed reference: single precision, forward only.</summary>
internal sealed class ManagedEngine : IEngine
{
    public string Name => "managed";

    public IEngineRun Run(CasePlan plan, GoldenTensor? replay, bool gradients)
    {
        if (gradients) throw new NotSupportedException("the managed engine has no gradients");
        return plan switch
        {
            NamedPlan p => Named(p, replay),
            LogitsPlan p => Route(p, p.Logits, replay ?? p.Given),
            GatePlan p => Route(p, Logits(p.Router, p.Tokens, p.Weight, p.Bias, p.SelectionBias), replay ?? p.Given),
            LayerPlan p => Layer(p, replay ?? p.Given),
            AuxiliaryRoutingPlan p => AuxiliaryRouting(p, replay),
            PooledLossPlan p => Loss(RouterLosses.PooledLoadBalancing(HostValues.Floats(p.Logits), p.Logits.Size(^1), p.Choices, HostValues.Bools(p.Padding))),
            SwitchLossPlan p => Loss(RouterLosses.SwitchLoadBalancing(HostValues.Floats(p.Scores), HostValues.Ints(p.Load), p.Choices, HostValues.Bools(p.Padding), p.Tokens, p.Coefficient)),
            ZLossPlan p => Loss(RouterLosses.ZLoss(HostValues.Floats(p.Logits), p.Logits.Size(^1), HostValues.Bools(p.Padding), p.Coefficient)),
            CapacityPlan p => new HostRun { [Quantity.Capacities] = HostValues.Capacities(p) },
            _ => throw new NotSupportedException($"the managed engine does not run {plan.GetType().Name}"),
        };
    }

    private static HostRun Named(NamedPlan plan, GoldenTensor? replay)
    {
        var run = new HostRun();
        (plan.Managed ?? throw new NotSupportedException("the adapter does not run this case on the managed engine"))(run.Named, replay);
        return run;
    }

    private static HostRun Route(RoutedPlan plan, GoldenTensor logits, GoldenTensor? given)
    {
        var routing = Route(plan.Router, logits, plan.SelectionBias, plan.Padding, given);
        return Describe(routing, logits);
    }

    private static HostRun Layer(LayerPlan plan, GoldenTensor? given)
    {
        var weights = new WeightDictionary();
        foreach (var (name, tensor) in plan.Weights) weights.Add(name, HostValues.Floats(tensor), [.. tensor.Shape]);
        using var layer = new ReferenceLayer(plan.Layer, weights);
        var output = new float[plan.Tokens.Count];
        var input = new GateInput(HostValues.Floats(plan.Tokens), plan.Layer.Width) { Padding = HostValues.Bools(plan.Padding), GivenExperts = HostValues.Ints(given) };
        layer.Forward(input, output);
        var logits = Logits(plan.Router, plan.Tokens, plan.Weights[WeightNames.Router], plan.Weights.GetValueOrDefault(WeightNames.RouterBias), plan.SelectionBias);
        var run = Route(plan, logits, given);
        run[Quantity.Output] = HostValues.Singles([.. plan.Tokens.Shape], output);
        return run;
    }

    private static HostRun AuxiliaryRouting(AuxiliaryRoutingPlan plan, GoldenTensor? replay)
    {
        // Weights over all experts, divided by their sum, are the normalised scores.
        var all = new RouterSpec
        {
            Experts = plan.Router.Experts,
            Score = new ScoreSpec { Function = plan.Function },
            Select = new AllSelection(),
            Weigh = plan.Function == ScoreFunction.Softmax ? new WeighSpec() : new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 1e-20 },
        };
        var scores = HostValues.Singles([.. plan.Logits.Shape], Route(all, plan.Logits, null, plan.Padding, null).ToDenseWeights());
        return Describe(Route(plan.Router, scores, null, plan.Padding, replay), scores);
    }

    private static GoldenTensor Logits(RouterSpec spec, GoldenTensor tokens, GoldenTensor weight, GoldenTensor? bias, GoldenTensor? selectionBias)
    {
        var gate = new LinearGate(spec, HostValues.Floats(weight), HostValues.Floats(bias), HostValues.Floats(selectionBias));
        return HostValues.Singles([tokens.Size(0), spec.Experts], gate.Logits(new GateInput(HostValues.Floats(tokens), tokens.Size(1))));
    }

    private static TopKRouting Route(RouterSpec spec, GoldenTensor logits, GoldenTensor? bias, GoldenTensor? padding, GoldenTensor? given) =>
        ReferenceRouter.Route(HostValues.Floats(logits), spec, new RouteOptions
        {
            SelectionBias = HostValues.Floats(bias),
            Padding = HostValues.Bools(padding),
            GivenExperts = HostValues.Ints(given),
            KeepScores = true,
        });

    private static HostRun Describe(TopKRouting routing, GoldenTensor logits)
    {
        int tokens = routing.TokenCount, k = routing.Choices, experts = routing.ExpertCount;
        var ids = HostValues.Integers([tokens, k], routing.ExpertIds);
        var dense = HostValues.Singles([tokens, experts], routing.ToDenseWeights());
        return new HostRun
        {
            [Quantity.Logits] = logits,
            [Quantity.Scores] = HostValues.Singles([tokens, experts], routing.Scores),
            [Quantity.Weights] = HostValues.Singles([tokens, k], routing.Weights),
            [Quantity.ChosenLogits] = HostValues.Gather(logits, ids),
            [Quantity.Experts] = ids,
            [Quantity.DenseWeights] = dense,
            [Quantity.WeightsByExpert] = dense.Transpose(),
            [Quantity.Map] = HostValues.Map(routing),
            [Quantity.Load] = HostValues.Integers([experts], routing.Load()),
        };
    }

    private static HostRun Loss(double value) => new() { [Quantity.Loss] = HostValues.Doubles([], [value]) };

    /// <summary>Quantities that are already on the host.</summary>
    private sealed class HostRun : Dictionary<Quantity, GoldenTensor>, IEngineRun
    {
        public NamedValues Named { get; } = new();

        public IEnumerable<string> GivenKeys => Named.Keys;

        public bool Has(string key) => Named.Has(key);

        public GoldenTensor Value(string key) => Named[key];

        public void Differentiate(string key, GoldenTensor? cotangent, bool add = false) => throw new NotSupportedException("the managed engine has no gradients");

        public GoldenTensor Value(Quantity quantity) =>
            TryGetValue(quantity, out var value) ? value : throw new NotSupportedException($"the managed engine gives no {quantity} for this plan");

        public void Differentiate(Quantity quantity, GoldenTensor? cotangent) => throw new NotSupportedException("the managed engine has no gradients");

        public GoldenTensor Gradient(string variable) => throw new NotSupportedException("the managed engine has no gradients");

        public void Dispose()
        {
        }
    }
}
