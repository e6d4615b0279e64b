using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Armorm;

/// <summary>Stage 2: Bradley-Terry on the lead of the preferred response, AdamW 1e-3 without decay, batches drawn with replacement, cosine to zero. The gate and its rivals share it.</summary>
public static class PairTraining
{
    /// <summary>Trains a gate.</summary>
    public static void Train(ObjectiveGate gate, PairSet pairs, int steps, int batch, Random random, Action<double> progress)
    {
        gate.train();
        Fit([.. gate.parameters()], steps, batch, pairs, random, (prompts, _) => gate.call(prompts), progress);
        gate.eval();
    }

    /// <summary>The best single weight vector, [1, J]: free, not bound to a softmax.</summary>
    public static Tensor Fixed(PairSet pairs, int steps, int batch, Random random, Action<double> progress)
    {
        long objectives = pairs.Differences.shape[1];
        var weights = nn.Parameter(full([1, objectives], 1.0 / objectives, dtype: ScalarType.Float32));
        Fit([weights], steps, batch, pairs, random, (_, _) => weights.alias(), progress);
        return weights.detach();
    }

    private static void Fit(Parameter[] parameters, int steps, int batch, PairSet pairs, Random random, Func<Tensor, Tensor, Tensor> weigh, Action<double> progress)
    {
        using var optimizer = optim.AdamW(parameters, 1e-3, weight_decay: 0);
        var schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps);
        for (int step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            long[] drawn = [.. Enumerable.Range(0, batch).Select(_ => (long)random.Next(pairs.Count))];
            var rows = tensor(drawn);
            var differences = pairs.Differences.index_select(0, rows);
            optimizer.zero_grad();
            var leads = (weigh(pairs.Prompts.index_select(0, rows), differences) * differences).sum(1);
            nn.functional.softplus(-leads).mean().backward();
            optimizer.step();
            schedule.step();
            if (step % 50 == 0) progress(step / (double)steps);
        }
    }
}
