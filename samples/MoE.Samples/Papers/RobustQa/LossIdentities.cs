using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>What the load-balancing loss must be, by its formula.</summary>
public static class LossIdentities
{
    /// <summary>How far the loss is from one where every expert has equal probability and load.</summary>
    public static double AtBalance(int experts)
    {
        using var scope = NewDisposeScope();
        var scores = full([4L * experts, experts], 1.0 / experts, dtype: ScalarType.Float64);
        var load = full([experts], 4L, dtype: ScalarType.Int64);
        return Math.Abs(TorchRouterLosses.switch_load_balancing(scores, load, 1).item<double>() - 1);
    }

    /// <summary>How far the loss is from E sum_e f_e P_e for random logits and a top-1 choice.</summary>
    public static double AgainstFormula(int tokens, int experts, long seed)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        var logits = randn(tokens, experts, dtype: ScalarType.Float64, generator: generator);
        var routing = SpecRouting.route(logits, RouterProfiles.Switch(experts, null));
        double loss = TorchRouterLosses.switch_load_balancing(routing.Scores!, routing.Load(), 1).item<double>();
        double[] all = [.. logits.data<double>()];
        double[] f = new double[experts], p = new double[experts];
        for (int t = 0; t < tokens; t++)
        {
            double[] row = all[(t * experts)..((t + 1) * experts)];
            double sum = row.Sum(Math.Exp);
            f[Array.IndexOf(row, row.Max())] += 1.0 / tokens;
            for (int e = 0; e < experts; e++) p[e] += Math.Exp(row[e]) / sum / tokens;
        }

        return Math.Abs(loss - experts * f.Zip(p, static (a, b) => a * b).Sum());
    }
}
