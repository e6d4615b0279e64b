using static TorchSharp.torch;

namespace MoE.Samples.Papers.Ept;

/// <summary>All of one seed. Accuracies are in percent of held-out sentences.</summary>
public sealed class SeedRun
{
    /// <summary>Accuracy by contender and task.</summary>
    public Dictionary<string, double[]> Accuracies { get; } = [];

    /// <summary>Processor time of a step with the short prompt, over that of a plain one of the length it is 60 % of.</summary>
    public double StepTime { get; private set; }

    /// <summary>Logits that change when the prompt is folded before.</summary>
    public int FoldedBits { get; private set; }

    /// <summary>Logits of a new prompt that differ from those of its short part alone.</summary>
    public int StartBits { get; private set; }

    /// <summary>Largest weight of a space, mean over tasks.</summary>
    public double LargestSpace { get; private set; }

    /// <summary>Mean accuracy over tasks.</summary>
    public double Mean(string name) => Accuracies[name].Average();

    /// <summary>Standard deviation of the accuracy across tasks.</summary>
    public double Spread(string name)
    {
        double mean = Mean(name);
        return Math.Sqrt(Accuracies[name].Average(a => (a - mean) * (a - mean)));
    }

    /// <summary>Tunes and measures.</summary>
    /// <param name="data">The tasks.</param>
    /// <param name="frozen">The model.</param>
    /// <param name="recipe">How much.</param>
    /// <param name="forms">The contenders.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="progress">Takes the fraction done; may throw to stop.</param>
    public static SeedRun Of(Sentences data, FrozenModel frozen, EptSample.Recipe recipe, IReadOnlyList<(string Name, PromptForm Form)> forms, long seed, Action<double> progress)
    {
        var run = new SeedRun();
        int done = 0, parts = data.Targets.Count * forms.Count;
        foreach (var (name, _) in forms) run.Accuracies[name] = new double[data.Targets.Count];
        for (int t = 0; t < data.Targets.Count; t++)
        {
            var task = data.Targets[t];
            var test = PromptTuning.Drawn(task.Test, recipe.Tuning.Test, seed, 85);
            foreach (var (name, form) in forms)
            {
                using var tuning = PromptTuning.Tune(frozen, task, form, recipe.Tuning, seed, f => progress((done + f) / parts));
                run.Accuracies[name][t] = tuning.Accuracy(frozen, test);
                done++;
                if (name != EptSample.Ept) continue;
                run.FoldedBits += Folded(frozen, tuning, test[..Math.Min(64, test.Length)]);
                if (form.Spaces == 0) continue;
                using var scope = NewDisposeScope();
                run.LargestSpace += tuning.Prompt.weights().max().item<float>() / data.Targets.Count;
            }
        }

        var first = data.Targets[0];
        run.StartBits = Start(frozen, first, forms.First(static f => f.Name == EptSample.Ept).Form, seed);
        run.StepTime = Time(frozen, first, forms.First(static f => f.Name == EptSample.Ept).Form, new PromptForm(recipe.TimedLength), recipe, seed);
        return run;
    }

    private static int Folded(FrozenModel frozen, PromptTuning tuning, IReadOnlyList<Sentence> sentences)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (front, added) = tuning.Prompt.fold();
        var (kept, keptAdded) = (front?.clone(), added?.clone());
        return (int)tuning.Logits(frozen, sentences).ne(tuning.Logits(frozen, sentences, kept, keptAdded)).sum().item<long>();
    }

    private static int Start(FrozenModel frozen, SentenceTask task, PromptForm form, long seed)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var tuning = PromptTuning.Make(frozen, task, form, seed);
        var sentences = task.Train.Take(32).ToList();
        return (int)tuning.Logits(frozen, sentences).ne(tuning.Logits(frozen, sentences, tuning.Prompt.Tokens, null)).sum().item<long>();
    }

    // In turns, so that a busy machine is busy for both; the first two steps warm up.
    private static double Time(FrozenModel frozen, SentenceTask task, PromptForm form, PromptForm plain, EptSample.Recipe recipe, long seed)
    {
        PromptTuning[] both = [PromptTuning.Make(frozen, task, form, seed), PromptTuning.Make(frozen, task, plain, seed)];
        var optimizers = both.Select(static b => b.Optimizer()).ToList();
        try
        {
            var rows = task.Train.Take(recipe.Tuning.Batch).ToList();
            double[][] seconds = [new double[recipe.TimedSteps], new double[recipe.TimedSteps]];
            for (int s = -2; s < recipe.TimedSteps; s++)
            {
                for (int c = 0; c < both.Length; c++)
                {
                    var before = Environment.CpuUsage.TotalTime;
                    both[c].Step(frozen, rows, optimizers[c], 1);
                    if (s >= 0) seconds[c][s] = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
                }
            }

            double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
            return Median(seconds[0]) / Math.Max(1e-9, Median(seconds[1]));
        }
        finally
        {
            foreach (var optimizer in optimizers) optimizer.Dispose();
            foreach (var tuning in both) tuning.Dispose();
        }
    }
}
