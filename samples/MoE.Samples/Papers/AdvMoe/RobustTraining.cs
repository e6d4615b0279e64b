using MoE.Samples.Numerics;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>TRADES for net and router with the constants of the released code (beta 6, alpha 6, momentum 0.9, weight decay 5e-4, cosine); batches of 64 instead of 128 and a rate of 0.05 instead of 0.1, for far fewer images and epochs.</summary>
public static class RobustTraining
{
    private const double Beta = 6, Alpha = 6, Rate = 0.05, Momentum = 0.9, Decay = 5e-4;
    private const int Batch = 64, Experts = 2;

    /// <summary>Trains a contender.</summary>
    /// <param name="contender">Which.</param>
    /// <param name="set">To learn from.</param>
    /// <param name="epochs">Passes over it; of a contender that takes turns, both players see each batch.</param>
    /// <param name="seed">Draws weights, batches and attacks.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    /// <returns>The net, ready to be tested.</returns>
    public static RoutedNet Train(Contender contender, SmallClothes set, int epochs, long seed, Action<double> progress)
    {
        manual_seed(seed);
        bool dense = contender is Contender.Dense or Contender.SmallDense;
        var net = new RoutedNet(
            new PathwayNet(dense ? 1 : Experts, contender != Contender.Dense),
            dense || contender == Contender.OracleRouter ? null : new RouterNet(Experts));
        try
        {
            if (contender == Contender.FrozenRouter)
            {
                using var scope = NewDisposeScope();
                net.Router!.Balance(set.Rows([.. Enumerable.Range(0, Math.Min(1000, set.Count))]).Images);
                foreach (var parameter in net.Router.parameters()) parameter.requires_grad = false;
            }

            int perEpoch = Math.Max(1, set.Count / Batch), rounds = epochs * perEpoch;
            int[] order = [];
            (Tensor Images, Tensor Labels) Draw(long round)
            {
                // Both players of a round see one batch, as released.
                if (round % perEpoch == 0)
                {
                    order = [.. Enumerable.Range(0, set.Count)];
                    new Draws(seed, 31, round / perEpoch).Shuffle<int>(order);
                }

                int from = (int)(round % perEpoch) * Batch;
                return set.Rows(order[from..Math.Min(set.Count, from + Batch)]);
            }

            void Report(double done) => progress(done / rounds);
            if (contender is Contender.Alternating or Contender.AlternatingPublished) Alternate(net, contender == Contender.Alternating, Draw, rounds, Report);
            else Together(net, contender, Draw, rounds, Report);
            net.Training(false, false);
            return net;
        }
        catch
        {
            net.Dispose();
            throw;
        }
    }

    private static void Together(RoutedNet net, Contender contender, Func<long, (Tensor, Tensor)> draw, int rounds, Action<double> progress)
    {
        bool learns = contender == Contender.Joint;
        using var optimizer = Optimizer([.. net.Net.parameters(), .. learns ? net.Router!.parameters() : []]);
        var schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, rounds);
        for (int round = 0; round < rounds; round++)
        {
            using var scope = NewDisposeScope();
            var (images, labels) = draw(round);
            var loss = NetLoss(net, images, labels, routerLearns: learns, ofRouter: false);
            optimizer.zero_grad();
            loss.backward();
            optimizer.step();
            schedule.step();
            progress(round + 1);
        }
    }

    private static void Alternate(RoutedNet net, bool released, Func<long, (Tensor Images, Tensor Labels)> draw, int rounds, Action<double> progress)
    {
        using var ofNet = Optimizer([.. net.Net.parameters()]);
        using var ofRouter = Optimizer([.. net.Router!.parameters()]);
        var trainer = new AlternatingTrainer(
            new("pathways", ofNet, round =>
            {
                var (images, labels) = draw(round);
                return NetLoss(net, images, labels, routerLearns: false, ofRouter: true);
            }, Schedule: optim.lr_scheduler.CosineAnnealingLR(ofNet, rounds)),
            new("router", ofRouter, round =>
            {
                var (images, labels) = draw(round);
                return released ? RouterLoss(net, images, labels) : NetLoss(net, images, labels, routerLearns: true, ofRouter: true, netLearns: false);
            }, Schedule: optim.lr_scheduler.CosineAnnealingLR(ofRouter, rounds)));
        for (int round = 0; round < rounds; round++)
        {
            trainer.Run(1);
            progress(round + 1);
        }
    }

    private static optim.Optimizer Optimizer(IReadOnlyList<TorchSharp.Modules.Parameter> parameters) => optim.SGD(parameters, Rate, Momentum, weight_decay: Decay);

    // Cross entropy of clean images, and how far attacked ones part from them.
    private static Tensor NetLoss(RoutedNet net, Tensor images, Tensor labels, bool routerLearns, bool ofRouter, bool netLearns = true)
    {
        using var scope = NewDisposeScope();
        var moved = Attack.Divergence(net, images, labels, ofRouter);
        net.Training(netLearns, routerLearns);
        Tensor clean = net.Run(images, labels, !routerLearns).Logits, attacked = net.Run(moved, labels, !routerLearns).Logits;
        return (nn.functional.cross_entropy(clean, labels) + Attack.Kl(attacked, clean.softmax(1)) * (Beta / images.shape[0])).MoveToOuterDisposeScope();
    }

    // The released router learns the class modulo n, and to keep it under attack.
    private static Tensor RouterLoss(RoutedNet net, Tensor images, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var moved = Attack.Divergence(net, images, labels, ofRouter: true);
        net.Training(false, true);
        Tensor clean = net.Router!.call(images), attacked = net.Router.call(moved);
        return (nn.functional.cross_entropy(clean, labels.remainder(Experts)) * Alpha + Attack.Kl(attacked, clean.softmax(1)) * (Beta / images.shape[0])).MoveToOuterDisposeScope();
    }
}
