using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>The router: a small convolutional net on the image itself, with a score per pathway.</summary>
public sealed class RouterNet : nn.Module<Tensor, Tensor>
{
    private const int First = 8, Second = 16;
    private readonly nn.Module<Tensor, Tensor> features;
    private readonly Linear scores;

    /// <summary>Makes one.</summary>
    /// <param name="experts">n.</param>
    public RouterNet(int experts)
        : base(nameof(RouterNet))
    {
        features = nn.Sequential(
            nn.Conv2d(1, First, 3, stride: 2, padding: 1, bias: false), nn.BatchNorm2d(First), nn.ReLU(),
            nn.Conv2d(First, Second, 3, stride: 2, padding: 1, bias: false), nn.BatchNorm2d(Second), nn.ReLU());
        scores = nn.Linear(Second, experts);
        RegisterComponents();
    }

    /// <summary>Multiply-adds per image.</summary>
    /// <param name="experts">n.</param>
    public static long MultiplyAdds(int experts) => 9L * (First * 49 + First * Second * 16) + Second * experts;

    /// <inheritdoc/>
    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        return scores.call(features.call(images).mean([2, 3])).MoveToOuterDisposeScope();
    }

    /// <summary>Moves the second of two scores so that half of some images take each pathway.</summary>
    /// <param name="images">[B, 1, 14, 14].</param>
    public void Balance(Tensor images)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        // Normalisations first see the images: at rest they know nothing of their scale.
        train();
        for (int i = 0; i < 20; i++) call(images);
        eval();
        var all = call(images);
        scores.bias!.add_(tensor(new[] { 0f, 1 }) * all.select(1, 0).sub(all.select(1, 1)).median());
    }
}
