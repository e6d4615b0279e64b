using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>Trains every contender alike: AdamW 1e-3 with a cosine to zero, cross-entropy of start and end halved, plus the losses of mixtures.</summary>
public static class SpanTraining
{
    private const int Batch = 32;

    /// <summary>Trains.</summary>
    public static void Train(SpanModel model, SpanSet set, int steps, long seed, Action<double> progress)
    {
        var random = new Random((int)(seed % int.MaxValue));
        using var optimizer = optim.AdamW(model.parameters(), 1e-3);
        var schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps);
        model.train();
        for (int step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            var rows = tensor(Enumerable.Range(0, Batch).Select(_ => (long)random.Next(set.Count)).ToArray());
            var answers = set.Answers.index_select(0, rows);
            optimizer.zero_grad();
            var spans = model.logits(set.Words.index_select(0, rows));
            var loss = (nn.functional.cross_entropy(spans.select(0, 0), answers) + nn.functional.cross_entropy(spans.select(0, 1), answers)) / 2;
            foreach (var result in model.Results) loss = loss + result.TotalLoss();
            loss.backward();
            optimizer.step();
            schedule.step();
            if (step % 20 == 0) progress(step / (double)steps);
        }
    }
}
