using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>How a net stands an attack; all in percent of held-out images.</summary>
/// <param name="Clean">Right without attack.</param>
/// <param name="Robust">Right without attack and under each of three runs of projected ascent.</param>
/// <param name="RobustFar">The same in a ball of four times the radius: what a net can stand only by hiding its gradients.</param>
/// <param name="Flips">Whose pathway another run of the first attack changes.</param>
/// <param name="Busiest">That take the pathway taken most.</param>
public sealed record RobustScore(double Clean, double Robust, double RobustFar, double Flips, double Busiest)
{
    private const int Restarts = 3, Batch = 500;
    private const double Far = 4;

    /// <summary>Tests a net. The third run passes no gradient through the router.</summary>
    public static RobustScore Of(RoutedNet net, SmallClothes set, long seed)
    {
        manual_seed(seed);
        net.Training(false, false);
        int clean = 0, robust = 0, far = 0, flips = 0;
        int[] taken = new int[net.Net.Experts];
        for (int from = 0; from < set.Count; from += Batch)
        {
            using var scope = NewDisposeScope();
            var (images, labels) = set.Rows([.. Enumerable.Range(from, Math.Min(Batch, set.Count - from))]);
            (Tensor Right, Tensor Path) Answers(Tensor x)
            {
                using var guard = no_grad();
                var answer = net.Run(x, labels);
                return (answer.Logits.argmax(1).eq(labels), answer.Route.Choices);
            }

            var (right, path) = Answers(images);
            Tensor stands = right, standsFar = right;
            for (int run = 0; run < Restarts; run++)
            {
                bool last = run == Restarts - 1;
                var (ok, other) = Answers(Attack.ProjectedAscent(net, images, labels, Attack.Radius, fixedRoute: last));
                stands = stands.logical_and(ok);
                if (run == 0) flips += Count(other.ne(path));
            }

            standsFar = standsFar.logical_and(Answers(Attack.ProjectedAscent(net, images, labels, Far * Attack.Radius, fixedRoute: false)).Right);
            clean += Count(right);
            robust += Count(stands);
            far += Count(standsFar);
            foreach (long p in path.data<long>().ToArray()) taken[p]++;
        }

        double Percent(int of) => 100.0 * of / set.Count;
        return new(Percent(clean), Percent(robust), Percent(far), Percent(flips), Percent(taken.Max()));
    }

    private static int Count(Tensor of) => (int)of.sum().item<long>();
}
