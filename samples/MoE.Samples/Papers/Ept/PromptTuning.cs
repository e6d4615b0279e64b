using MoE.Samples.Numerics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Ept;

/// <summary>A prompt and a linear verbaliser, tuned for a task in front of the frozen model.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Verbaliser">From the hidden state at the place of the answer to classes.</param>
public sealed record PromptTuning(Prompt Prompt, Linear Verbaliser) : IDisposable
{
    private const double PromptRate = 0.02, LowRankRate = 0.005, VerbaliserRate = 0.01;
    private const int Reading = 100;

    /// <summary>How much is done.</summary>
    /// <param name="Steps">Steps.</param>
    /// <param name="Batch">Sentences per step.</param>
    /// <param name="Train">Sentences to learn from.</param>
    /// <param name="Test">Sentences to measure on.</param>
    public sealed record Recipe(int Steps, int Batch, int Train, int Test);

    /// <summary>Makes one; the prompt begins as embeddings of random words of the task.</summary>
    public static PromptTuning Make(FrozenModel frozen, SentenceTask task, PromptForm form, long seed)
    {
        manual_seed(seed);
        var draws = new Draws(seed, 82);
        int width = frozen.Model.Size.Width;
        using var scope = NewDisposeScope();
        long[] words = [.. Enumerable.Range(0, Math.Max(1, form.Length)).Select(_ => Word(task.Train, draws))];
        // Without positions: a row of its own for each.
        var start = frozen.Model.Embed(tensor(words, words.Length, 1)).squeeze(1);
        var verbaliser = nn.Linear(width, task.Classes);
        return new(new Prompt(form, start, width), verbaliser);
    }

    /// <summary>Tunes one; every form of a seed sees the same sentences in the same order.</summary>
    /// <param name="frozen">The model.</param>
    /// <param name="task">The task.</param>
    /// <param name="form">The make of the prompt.</param>
    /// <param name="recipe">How much.</param>
    /// <param name="seed">Draws sentences, order and initial values.</param>
    /// <param name="progress">Takes the fraction done; may throw to stop.</param>
    public static PromptTuning Tune(FrozenModel frozen, SentenceTask task, PromptForm form, Recipe recipe, long seed, Action<double> progress)
    {
        var tuning = Make(frozen, task, form, seed);
        try
        {
            Sentence[] rows = Drawn(task.Train, recipe.Train, seed, 83);
            var draws = new Draws(seed, 84);
            using var optimizer = tuning.Optimizer();
            for (int step = 0; step < recipe.Steps; step++)
            {
                progress(step / (double)recipe.Steps);
                double fall = Math.Min(1, 2 * (1 - step / (double)recipe.Steps));
                tuning.Step(frozen, [.. Enumerable.Range(0, recipe.Batch).Select(_ => rows[draws.Below(rows.Length)])], optimizer, fall);
            }

            return tuning;
        }
        catch
        {
            tuning.Dispose();
            throw;
        }
    }

    /// <summary>The optimiser: one rate for the short prompt and its spaces, one for the low-rank product, one for the verbaliser.</summary>
    public optim.Optimizer Optimizer()
    {
        var groups = new List<AdamW.ParamGroup>();
        void Add(IEnumerable<Parameter> parameters, double rate)
        {
            Parameter[] own = [.. parameters];
            if (own.Length > 0) groups.Add(new AdamW.ParamGroup(own, new AdamW.Options { LearningRate = rate, InitialLearningRate = rate, weight_decay = 1e-5 }));
        }

        Add(Prompt.Short, PromptRate);
        Add(Prompt.LowRank, LowRankRate);
        Add(Verbaliser.parameters(), VerbaliserRate);
        return optim.AdamW(groups);
    }

    /// <summary>One step.</summary>
    /// <param name="frozen">The model.</param>
    /// <param name="sentences">The batch.</param>
    /// <param name="optimizer">From <see cref="Optimizer"/>.</param>
    /// <param name="fall">A factor on the rates.</param>
    public void Step(FrozenModel frozen, IReadOnlyList<Sentence> sentences, optim.Optimizer optimizer, double fall)
    {
        using var scope = NewDisposeScope();
        foreach (var group in optimizer.ParamGroups) group.LearningRate = group.InitialLearningRate * fall;
        optimizer.zero_grad();
        nn.functional.cross_entropy(Logits(frozen, sentences), tensor([.. sentences.Select(static s => (long)s.Label)])).backward();
        optimizer.step();
    }

    /// <summary>Logits of classes, [B, classes].</summary>
    public Tensor Logits(FrozenModel frozen, IReadOnlyList<Sentence> sentences)
    {
        using var scope = NewDisposeScope();
        var (front, added) = Prompt.fold();
        return Logits(frozen, sentences, front, added).MoveToOuterDisposeScope();
    }

    /// <summary>The same with a prompt that was folded before.</summary>
    public Tensor Logits(FrozenModel frozen, IReadOnlyList<Sentence> sentences, Tensor? front, Tensor? added)
    {
        using var scope = NewDisposeScope();
        var (embeddings, answers) = frozen.Embed(sentences);
        var hidden = frozen.Model.HiddenOf(Prompt.Join(front, added, embeddings));
        long length = hidden.shape[1];
        var places = arange(sentences.Count) * length + answers + (front?.shape[0] ?? 0);
        return Verbaliser.call(hidden.flatten(0, 1).index_select(0, places)).MoveToOuterDisposeScope();
    }

    /// <summary>Accuracy on sentences, in percent; the prompt is folded once.</summary>
    public double Accuracy(FrozenModel frozen, IReadOnlyList<Sentence> sentences)
    {
        using var guard = no_grad();
        using var outer = NewDisposeScope();
        var (front, added) = Prompt.fold();
        int right = 0;
        foreach (var part in sentences.Chunk(Reading))
        {
            using var scope = NewDisposeScope();
            right += (int)Logits(frozen, part, front, added).argmax(1).eq(tensor([.. part.Select(static s => (long)s.Label)])).sum().item<long>();
        }

        return 100.0 * right / sentences.Count;
    }

    /// <summary>Sentences of a seed.</summary>
    public static Sentence[] Drawn(IReadOnlyList<Sentence> from, int most, long seed, int label)
    {
        Sentence[] rows = [.. from];
        new Draws(seed, label).Shuffle<Sentence>(rows);
        return rows[..Math.Min(most, rows.Length)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Prompt.Dispose();
        Verbaliser.Dispose();
    }

    private static long Word(IReadOnlyList<Sentence> rows, Draws draws)
    {
        int[] words = rows[draws.Below(rows.Count)].Words;
        return words.Length == 0 ? Sentences.Unknown : words[draws.Below(words.Length)];
    }
}
