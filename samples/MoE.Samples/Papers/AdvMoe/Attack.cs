using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>Attacks within a ball of the largest pixel change; images stay in 0..1. Nets answer as when tested, and get no gradient.</summary>
public static class Attack
{
    /// <summary>The ball's radius: the pilot's, for images of clothes; 8/255 in the paper.</summary>
    public const double Radius = 0.1;

    /// <summary>The attack of training: two steps of five eighths of the radius that part the answers, of the net and of the router, from those to the clean image.</summary>
    /// <param name="net">The net.</param>
    /// <param name="images">[B, 1, 14, 14].</param>
    /// <param name="labels">[B].</param>
    /// <param name="ofRouter">The router's answers count as well.</param>
    public static Tensor Divergence(RoutedNet net, Tensor images, Tensor labels, bool ofRouter)
    {
        const int Steps = 2;
        const double Step = Radius * 5 / 8;
        using var scope = NewDisposeScope();
        net.Training(false, false);
        Tensor classes;
        Tensor? paths;
        using (no_grad())
        {
            var clean = net.Run(images, labels);
            (classes, paths) = (clean.Logits.softmax(1), clean.Scores?.softmax(1));
        }

        var moved = images + 0.001 * randn_like(images);
        for (int step = 0; step < Steps; step++)
        {
            moved = Ascend(images, moved, Radius, Step, x =>
            {
                var answer = net.Run(x, labels);
                var parted = Kl(answer.Logits, classes);
                return ofRouter && answer.Scores is not null ? parted + Kl(answer.Scores, paths!) : parted;
            });
        }

        return moved.MoveToOuterDisposeScope();
    }

    /// <summary>The attack of tests: projected ascent of the cross entropy from a random start, ten steps of a quarter of the radius.</summary>
    /// <param name="net">The net.</param>
    /// <param name="images">[B, 1, 14, 14].</param>
    /// <param name="labels">[B].</param>
    /// <param name="radius">Of the ball.</param>
    /// <param name="fixedRoute">No gradient passes through the router: a second way in, for straight-through gradients may mislead.</param>
    public static Tensor ProjectedAscent(RoutedNet net, Tensor images, Tensor labels, double radius, bool fixedRoute)
    {
        const int Steps = 10;
        using var scope = NewDisposeScope();
        net.Training(false, false);
        var moved = (images + (rand_like(images) * 2 - 1) * radius).clamp(0, 1);
        for (int step = 0; step < Steps; step++)
            moved = Ascend(images, moved, radius, radius / 4, x => nn.functional.cross_entropy(net.Run(x, labels, fixedRoute).Logits, labels, reduction: nn.Reduction.Sum));
        return moved.MoveToOuterDisposeScope();
    }

    /// <summary>Sum over the batch of the divergence of log-softmax(logits) from given shares: KL(shares || softmax(logits)).</summary>
    public static Tensor Kl(Tensor logits, Tensor shares) => nn.functional.kl_div(logits.log_softmax(1), shares, log_target: false, reduction: nn.Reduction.Sum);

    private static Tensor Ascend(Tensor images, Tensor moved, double radius, double step, Func<Tensor, Tensor> loss)
    {
        using var scope = NewDisposeScope();
        var x = moved.detach().requires_grad_();
        var gradient = autograd.grad([loss(x)], [x])[0];
        var next = x.detach() + step * gradient.sign();
        return torch.minimum(torch.maximum(next, images - radius), images + radius).clamp(0, 1).MoveToOuterDisposeScope();
    }
}
