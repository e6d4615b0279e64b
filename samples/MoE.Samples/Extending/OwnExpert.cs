using MoE.Samples.Digits;
using MoE.Samples.Frame;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>Experts of different kinds under one gate: two of your own, two networks put together on the spot, and one that costs nothing.</summary>
public static class OwnExpert
{
    private const int Width = DigitImages.Size;

    public static Example Sample { get; } = new("extend-expert", "Your own experts, of different kinds, under one gate", Run,
    [
        new("learns", "Accuracy on held-out images", "percent", Bound.AtLeast(90)),
        new("all-used", "Share of the routes that the least used expert takes", "percent", Bound.AtLeast(5)),
    ]);

    public static IReadOnlyDictionary<string, double> Run(DigitSplit split, Action<double> progress)
    {
        nn.Module<Tensor, Tensor> Network() => nn.Sequential(nn.Linear(Width, 16), nn.GELU(), nn.Linear(16, Width));
        var experts = new ModuleExperts([new ConvolutionExpert(), new ConvolutionExpert(), Network(), Network(), nn.Identity()]);
        var router = RouterProfiles.Mixtral(experts.Experts);
        using var layer = new MoELayer(new TopKGate(router, Width), experts) { Losses = [RouterLoss.LoadBalancing(0.05)] };
        using var model = nn.Sequential(layer, nn.Linear(Width, DigitImages.Classes));
        DigitTraining.Train(model, split.TrainImages, split.TrainLabels, epochs: 15, rate: 0.01, progress);

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        int[] load = layer.route(split.TestImages).Routing.Snapshot().Load();
        double Share(params int[] kind) => 100.0 * kind.Sum(e => load[e]) / load.Sum();
        return new Dictionary<string, double>
        {
            ["learns"] = DigitTraining.Accuracy(model, split.TestImages, split.TestLabels),
            ["all-used"] = Enumerable.Range(0, load.Length).Min(e => Share(e)),
            ["convolutions_percent"] = Share(0, 1),
            ["networks_percent"] = Share(2, 3),
            ["pass_through_percent"] = Share(4),
        };
    }
}
