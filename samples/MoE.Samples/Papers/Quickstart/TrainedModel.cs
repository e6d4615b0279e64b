using MoE.Samples.Digits;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>A model trained on the training images of a split.</summary>
/// <param name="model">The model; owned.</param>
/// <param name="curve">What its router did in training, or null for a model without one.</param>
public sealed class TrainedModel(nn.Module<Tensor, Tensor> model, RouterCurve? curve) : IDisposable
{
    /// <summary>The model.</summary>
    public nn.Module<Tensor, Tensor> Model => model;

    /// <summary>A mixture on the held-out images.</summary>
    public MixtureRun Measure(DigitSplit split)
    {
        using var scope = NewDisposeScope();
        TopKRouting? routing = null;
        void Keep(MoELayer layer, MoEResult result) => routing = result.Routing.Snapshot();
        var layer = ((MoEClassifier)model).Layer;
        layer.Routed += Keep;
        double accuracy = DigitTraining.Accuracy(model, split.TestImages, split.TestLabels);
        layer.Routed -= Keep;
        return new(accuracy, new Specialisation(routing!, split.Test), curve!.Balance, curve.Entropy);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        curve?.Dispose();
        model.Dispose();
    }
}
