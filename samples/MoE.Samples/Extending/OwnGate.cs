using MoE.Samples.Digits;
using MoE.Samples.Frame;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>A gate of your own in both engines: <see cref="AdaptiveGate"/> is trained, <see cref="AdaptiveHostGate"/> serves what it learned without libtorch.</summary>
public static class OwnGate
{
    private const int Experts = 8, Width = DigitImages.Size;
    private const double Gap = 0.3;

    public static Example Sample { get; } = new("extend-gate", "Your own gate in 40 lines, in both engines", Run,
    [
        new("same-experts", "Held-out images that the gate's two versions send to different experts", "images", Bound.AtMost(0), Exact: true),
        new("learns", "Accuracy on held-out images", "percent", Bound.AtLeast(90)),
        new("adapts", "Experts per held-out image", "experts", Bound.In(1.05, 1.95)),
    ]);

    public static IReadOnlyDictionary<string, double> Run(DigitSplit split, Action<double> progress)
    {
        var expert = new ExpertSpec { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = 8, Biases = true };
        using var layer = new MoELayer(new AdaptiveGate(Experts, Width, Gap), new StackedExperts(expert, Experts, Width)) { Losses = [RouterLoss.LoadBalancing(0.02)] };
        using var model = nn.Sequential(layer, nn.Linear(Width, DigitImages.Classes));
        DigitTraining.Train(model, split.TrainImages, split.TrainLabels, epochs: 25, rate: 0.02, progress);

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var trained = layer.route(split.TestImages).Routing.Snapshot();
        var served = Serve(layer, expert).Route(split.Test.Pixels);
        return new Dictionary<string, double>
        {
            ["same-experts"] = Differing(trained, (TopKRouting)served),
            ["learns"] = DigitTraining.Accuracy(model, split.TestImages, split.TestLabels),
            ["adapts"] = (double)trained.Load().Sum() / trained.TokenCount,
        };
    }

    // The managed engine with the gate's host version. A parameter called "weight" makes the layer's names the neutral ones.
    private static ReferenceLayer Serve(MoELayer layer, ExpertSpec expert)
    {
        var spec = new MoELayerSpec { Width = Width, Router = new() { Experts = Experts, Select = new TopKSelection { K = 2 } }, Expert = expert };
        var state = layer.state_dict();
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, state[name].data<float>().ToArray(), shape);
        weights.TryGet(WeightNames.Router, out var router);
        return new ReferenceLayer(spec, weights, new AdaptiveHostGate(router.ToSingles(), Experts, Gap));
    }

    private static int Differing(TopKRouting a, TopKRouting b) =>
        Enumerable.Range(0, a.TokenCount).Count(t => !a.ExpertIds.Slice(2 * t, 2).SequenceEqual(b.ExpertIds.Slice(2 * t, 2)));
}
