using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Language;

/// <summary>Next-token losses and the training loop.</summary>
public static class LanguageTraining
{
    /// <summary>Trains parameters with AdamW, a short rise and a cosine fall of the rate; gradients are clipped to norm one.</summary>
    /// <param name="parameters">What learns.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="rate">The highest rate.</param>
    /// <param name="loss">The loss of a step, from its number; made in a dispose scope.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    /// <returns>The mean loss of the last tenth of the steps.</returns>
    public static double Train(IReadOnlyList<TorchSharp.Modules.Parameter> parameters, int steps, double rate, Func<int, Tensor> loss, Action<double> progress)
    {
        using var optimizer = optim.AdamW(parameters, rate, weight_decay: 0.01);
        double last = 0;
        int tail = Math.Max(1, steps / 10), rise = Math.Max(1, steps / 20);
        for (int step = 0; step < steps; step++)
        {
            progress((double)step / steps);
            using var scope = NewDisposeScope();
            double now = step < rise ? (step + 1.0) / rise : 0.05 + 0.475 * (1 + Math.Cos(Math.PI * (step - rise) / Math.Max(1, steps - rise)));
            foreach (var group in optimizer.ParamGroups) group.LearningRate = rate * now;
            optimizer.zero_grad();
            var value = loss(step);
            value.backward();
            nn.utils.clip_grad_norm_(parameters, 1);
            optimizer.step();
            if (step >= steps - tail) last += value.item<float>() / tail;
        }

        return last;
    }

    /// <summary>Mean negative log-likelihood of the next tokens, in nats.</summary>
    /// <param name="logits">[B, T, V].</param>
    /// <param name="batch">[B, T + 1] int64.</param>
    public static Tensor Loss(Tensor logits, Tensor batch) => nn.functional.cross_entropy(logits.flatten(0, 1), batch.narrow(1, 1, batch.shape[1] - 1).flatten());

    /// <summary>The same for every window, [B].</summary>
    public static Tensor LossPerWindow(Tensor logits, Tensor batch) =>
        nn.functional.cross_entropy(logits.flatten(0, 1), batch.narrow(1, 1, batch.shape[1] - 1).flatten(), reduction: nn.Reduction.None).view(batch.shape[0], -1).mean([1L]);

    /// <summary>The inputs of a batch, [B, T].</summary>
    public static Tensor Inputs(Tensor batch) => batch.narrow(1, 0, batch.shape[1] - 1);

    /// <summary>Mean loss over windows, without gradients, in batches.</summary>
    /// <param name="windows">Of equal length.</param>
    /// <param name="logits">[B, T] to [B, T, V].</param>
    public static double Evaluate(IReadOnlyList<int[]> windows, Func<Tensor, Tensor> logits)
    {
        using var guard = no_grad();
        double sum = 0;
        foreach (int[][] part in windows.Chunk(16))
        {
            using var scope = NewDisposeScope();
            var batch = TokenWindows.Batch(part);
            sum += Loss(logits(Inputs(batch)), batch).item<float>() * part.Length;
        }

        return sum / windows.Count;
    }
}
