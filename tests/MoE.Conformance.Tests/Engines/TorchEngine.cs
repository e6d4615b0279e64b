using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Engines;

/// <summary>TorchSharp on the CPU, with gradients, in the file's type.</summary>
internal sealed class TorchEngine : IEngine
{
    public string Name => "torch";

    public IEngineRun Run(CasePlan plan, GoldenTensor? replay, bool gradients)
    {
        var scope = NewDisposeScope();
        try
        {
            var run = new TorchRun(scope);
            Fill(run, plan, replay, gradients);
            return run;
        }
        catch
        {
            scope.Dispose();
            throw;
        }
    }

    private static void Fill(TorchRun run, CasePlan plan, GoldenTensor? replay, bool gradients)
    {
        switch (plan)
        {
            case NamedTorchPlan p:
                p.Torch(run, replay);
                break;
            case LogitsPlan p:
                run.Describe(SpecRouting.route(run.Leaf("logits", p.Logits), p.Router, TorchValues.Tensor(p.SelectionBias), Context(p.Padding, replay ?? p.Given)));
                break;
            case GatePlan p:
                Gate(run, p, replay);
                break;
            case LayerPlan p:
                Layer(run, p, replay);
                break;
            case AuxiliaryRoutingPlan p:
                AuxiliaryRouting(run, p, replay);
                break;
            case PooledLossPlan p:
                run[Quantity.Loss] = TorchRouterLosses.pooled_load_balancing(run.Leaf("logits", p.Logits).unbind(), p.Choices, TorchValues.Tensor(p.Padding), TieRule.Native);
                break;
            case SwitchLossPlan p:
                SwitchLoss(run, p, gradients);
                break;
            case ZLossPlan p:
                ZLoss(run, p);
                break;
            case CapacityPlan p:
                run.Set(Quantity.Capacities, HostValues.Capacities(p));
                break;
            default:
                throw new NotSupportedException($"the torch engine does not run {plan.GetType().Name}");
        }
    }

    private static void Gate(TorchRun run, GatePlan plan, GoldenTensor? replay)
    {
        var tokens = run.Leaf("tokens", plan.Tokens);
        var gate = new TopKGate(plan.Router, plan.Weight.Size(1), plan.Bias is not null, tokens.dtype);
        var weights = new Dictionary<string, GoldenTensor> { ["weight"] = plan.Weight };
        if (plan.Bias is not null) weights["bias"] = plan.Bias;
        if (plan.SelectionBias is not null) weights["selection_bias"] = plan.SelectionBias;
        run.Load(gate, "router.", weights);
        run.Describe(gate.call(tokens, Context(plan.Padding, replay ?? plan.Given)));
    }

    private static void Layer(TorchRun run, LayerPlan plan, GoldenTensor? replay)
    {
        var tokens = run.Leaf("tokens", plan.Tokens);
        var layer = new MoELayer(plan.Layer, tokens.dtype);
        run.Load(layer, "", plan.Weights);
        layer.eval();
        var result = layer.route(tokens, Context(plan.Padding, replay ?? plan.Given));
        run[Quantity.Output] = result.Output;
        run.Describe(result.Routing);
    }

    private static void AuxiliaryRouting(TorchRun run, AuxiliaryRoutingPlan plan, GoldenTensor? replay)
    {
        var logits = run.Leaf("logits", plan.Logits);
        var scores = TorchRouterLosses.auxiliary_routing(logits, plan.Router.TopK, plan.Function, TorchValues.Tensor(plan.Padding)).Scores;
        run.Describe(SpecRouting.route(scores, plan.Router, null, Context(plan.Padding, replay)));
        run[Quantity.Scores] = scores;
    }

    // The peer's loss takes scores; what it was differentiated by are the logits they were made from.
    private static void SwitchLoss(TorchRun run, SwitchLossPlan plan, bool gradients)
    {
        var logits = run.Leaf("logits", plan.Logits);
        var padding = TorchValues.Tensor(plan.Padding);
        var scores = gradients
            ? TorchRouterLosses.auxiliary_routing(logits, plan.Choices, plan.Function, padding).Scores
            : TorchValues.Tensor(plan.Scores)!;
        var loss = new RouterLoss("load_balancing", plan.Coefficient, (_, _) =>
            TorchRouterLosses.switch_load_balancing(scores, TorchValues.Tensor(plan.Load)!, plan.Choices, padding, plan.Tokens));
        run[Quantity.Loss] = loss.Of(Everything(logits, padding), padding);
    }

    private static void ZLoss(TorchRun run, ZLossPlan plan)
    {
        var logits = run.Leaf("logits", plan.Logits);
        var padding = TorchValues.Tensor(plan.Padding);
        run[Quantity.Loss] = RouterLoss.ZLoss(plan.Coefficient).Of(Everything(logits, padding), padding);
    }

    // The losses of a layer see a routing; these look at nothing in it but its logits.
    private static RoutingTensors Everything(Tensor logits, Tensor? padding) =>
        SpecRouting.route(logits, new RouterSpec { Experts = (int)logits.shape[^1], Select = new AllSelection() }, null, new GateContext { Padding = padding });

    private static GateContext Context(GoldenTensor? padding, GoldenTensor? given) =>
        new() { Padding = TorchValues.Tensor(padding), GivenExperts = TorchValues.Tensor(given) };
}
