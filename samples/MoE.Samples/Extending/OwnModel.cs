using MoE.Samples.Digits;
using MoE.Samples.Frame;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>An MoE layer dropped into an existing model and trained with its losses: the model is not changed, the training loop by one line.</summary>
public static class OwnModel
{
    private const int Epochs = 12;
    private const double Rate = 0.005;

    public static Example Sample { get; } = new("extend-model", "An MoE layer dropped into an existing model, trained with its losses", Run,
    [
        new("learns", "Accuracy on held-out images with the MoE layer", "percent", Bound.AtLeast(85)),
        new("balance", "Load of the busiest expert over the mean load, held-out images", "times the mean", Bound.AtMost(1.8)),
    ]);

    public static IReadOnlyDictionary<string, double> Run(DigitSplit split, Action<double> progress)
    {
        // Before: a dense feed-forward block.
        using var dense = new RowReader(nn.Sequential(nn.Linear(RowReader.Width, 64), nn.ReLU(), nn.Linear(64, RowReader.Width)));
        DigitTraining.Train(dense, split.TrainImages, split.TrainLabels, Epochs, Rate, f => progress(f / 4));

        // After: the same model around an MoE layer, which takes the rows [images, 8, 32] as they come.
        using var layer = new MoELayer(new MoELayerSpec
        {
            Width = RowReader.Width,
            Router = RouterProfiles.Mixtral(experts: 4),
            Expert = new() { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = 32 },
        }) { Losses = [RouterLoss.LoadBalancing(0.02), RouterLoss.ZLoss(0.001)] };
        using var model = new RowReader(layer);
        Train(model, split, f => progress((1 + 3 * f) / 4));

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        int[] load = [];
        layer.Routed += (_, result) => load = result.Routing.Snapshot().Load();
        return new Dictionary<string, double>
        {
            ["learns"] = DigitTraining.Accuracy(model, split.TestImages, split.TestLabels),
            ["balance"] = load.Max() / load.Average(),
            ["dense_accuracy_percent"] = DigitTraining.Accuracy(dense, split.TestImages, split.TestLabels),
        };
    }

    private static void Train(RowReader model, DigitSplit split, Action<double> progress)
    {
        using var losses = new RouterLossCollector(model);
        using var optimizer = optim.AdamW(model.parameters(), Rate);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            using var scope = NewDisposeScope();
            foreach (var rows in randperm(split.Train.Count).split(DigitTraining.Batch))
            {
                using var step = NewDisposeScope();
                optimizer.zero_grad();
                var loss = nn.functional.cross_entropy(model.call(split.TrainImages.index_select(0, rows)), split.TrainLabels.index_select(0, rows));
                loss = loss + losses.Take(); // the one line
                loss.backward();
                optimizer.step();
            }

            progress((epoch + 1.0) / Epochs);
        }
    }
}
