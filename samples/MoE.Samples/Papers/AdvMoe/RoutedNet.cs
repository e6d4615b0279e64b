using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>A net with what chooses its pathways.</summary>
/// <param name="Net">The net.</param>
/// <param name="Router">Scores pathways; null: labels do, modulo n, which with one expert is no choice.</param>
public sealed record RoutedNet(PathwayNet Net, RouterNet? Router) : IDisposable
{
    /// <summary>Logits of classes [B, 10], scores of pathways [B, n] or null, and the route.</summary>
    public readonly record struct Answer(Tensor Logits, Tensor? Scores, PathwayRoute Route);

    /// <summary>Answers for images.</summary>
    /// <param name="images">[B, 1, 14, 14].</param>
    /// <param name="labels">[B]: only a net without a router looks at them.</param>
    /// <param name="fixedRoute">The router's choice counts, but no gradient passes through it.</param>
    public Answer Run(Tensor images, Tensor labels, bool fixedRoute = false)
    {
        var scores = Router?.call(images);
        var route = scores is null ? PathwayRoute.Given(labels.remainder(Net.Experts), Net.Experts) : PathwayRoute.FromScores(fixedRoute ? scores.detach() : scores);
        return new(Net.classify(images, route), scores, route);
    }

    /// <summary>Both learn, or answer as they will when tested.</summary>
    public void Training(bool net, bool router)
    {
        Net.train(net);
        Router?.train(router);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Net.Dispose();
        Router?.Dispose();
    }
}
