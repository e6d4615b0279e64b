using MoE.Samples.Language;
using MoE.Samples.Numerics;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Ept;

/// <summary>
/// A small causal transformer that stands for T5, trained here and then frozen. What stands in front of a sentence says what is asked: a source task by its name, or words, to which the answer is whether one of them is in the sentence; so it
/// learns to read what is in front. A part of each batch learns the next words. All in front has position 0, as prompts will have.
/// </summary>
public sealed class FrozenModel : IDisposable
{
    // What is in front has position 0; then a sentence, the place of the answer, and one to spare.
    private const int Context = Sentences.Longest + 3, MostFront = 6;

    private FrozenModel(TinyTransformer model) => Model = model;

    /// <summary>How it is trained.</summary>
    /// <param name="Width">D.</param>
    /// <param name="Layers">Blocks.</param>
    /// <param name="Heads">Attention heads.</param>
    /// <param name="Steps">Steps.</param>
    /// <param name="Batch">Sentences per step, a multiple of 8.</param>
    public sealed record Recipe(int Width, int Layers, int Heads, int Steps, int Batch);

    /// <summary>The transformer; its parameters take no gradient.</summary>
    public TinyTransformer Model { get; }

    /// <summary>Trains it, or takes it from the cache. It is one for all seeds.</summary>
    public static FrozenModel Make(Sentences data, Recipe recipe, LanguageCache cache, Action<double> progress)
    {
        manual_seed(20260107);
        var model = new TinyTransformer(data.Vocabulary, new TransformerSize(recipe.Width, recipe.Layers, recipe.Heads, Context));
        try
        {
            var all = data.Sources.Concat(data.Targets).ToList();
            string? place = cache.Place("ept-base-3", recipe, data.Vocabulary, string.Join(' ', all.Select(static t => $"{t.Name} {t.Classes} {t.Train.Count}")), all.Sum(static t => t.Train.Sum(static s => s.Words.Sum(static w => (long)w))));
            if (!LanguageCache.TryLoad(place, model))
            {
                var draws = new Draws(20260107, 81);
                LanguageTraining.Train([.. model.parameters()], recipe.Steps, 3e-3, _ => Loss(model, data, recipe.Batch, draws), progress);
                LanguageCache.Save(place, model);
            }

            foreach (var parameter in model.parameters()) parameter.requires_grad_(false);
            model.eval();
            return new(model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Sentences as token embeddings with their positions, [B, 1 + Longest, D], and the place of each answer, [B].</summary>
    public (Tensor Embeddings, Tensor Answers) Embed(IReadOnlyList<Sentence> sentences)
    {
        using var scope = NewDisposeScope();
        return (Behind(Model, sentences).MoveToOuterDisposeScope(), tensor([.. sentences.Select(static s => (long)s.Words.Length)]).MoveToOuterDisposeScope());
    }

    /// <summary>Accuracy in percent on held-out sentences of a source, by the most likely label behind its name.</summary>
    public double Accuracy(Sentences data, int source)
    {
        var task = data.Sources[source];
        return Accuracy([.. task.Test.Select(s => (new[] { data.TaskToken(source) }, s, data.LabelToken(source, s.Label)))], data.LabelToken(source, 0), task.Classes);
    }

    /// <summary>Accuracy in percent at finding one of some words in held-out sentences; half of the answers are yes.</summary>
    public double Finds(Sentences data)
    {
        var draws = new Draws(1, 86);
        return Accuracy([.. Enumerable.Range(0, 600).Select(i => Search(data, data.Targets[i % data.Targets.Count].Test, MostFront, draws))], data.FoundToken(false), 2);
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private double Accuracy(IReadOnlyList<(int[] Front, Sentence Sentence, int Answer)> rows, int first, int count)
    {
        using var guard = no_grad();
        int right = 0;
        foreach (var part in rows.Chunk(200))
        {
            using var scope = NewDisposeScope();
            var answers = Answers(Model, part, Hidden(Model, part)).narrow(1, first, count).argmax(1) + first;
            right += (int)answers.eq(tensor([.. part.Select(static r => (long)r.Answer)])).sum().item<long>();
        }

        return 100.0 * right / rows.Count;
    }

    // Three eighths of a batch are of the first source, an eighth of any, a quarter looks for words, a quarter is plain text of all tasks.
    private static Tensor Loss(TinyTransformer model, Sentences data, int batch, Draws draws)
    {
        var all = data.Sources.Concat(data.Targets).ToList();
        int front = 1 + draws.Below(MostFront), asked = batch * 3 / 4;
        var rows = new (int[] Front, Sentence Sentence, int Answer)[batch];
        for (int i = 0; i < batch; i++)
        {
            int source = i >= asked ? data.Sources.Count : i % 4 == 3 ? draws.Below(data.Sources.Count) : 0;
            var train = i >= batch / 2 ? all[draws.Below(all.Count)].Train : data.Sources[source].Train;
            if (i >= batch / 2 && i < asked)
            {
                rows[i] = Search(data, train, front, draws);
                continue;
            }

            var sentence = train[draws.Below(train.Count)];
            int[] name = new int[front];
            Array.Fill(name, data.TaskToken(source));
            rows[i] = (name, sentence, i >= asked ? -1 : data.LabelToken(source, sentence.Label));
        }

        var hidden = Hidden(model, rows);
        var answers = nn.functional.cross_entropy(Answers(model, rows[..asked], hidden.narrow(0, 0, asked)), tensor([.. rows[..asked].Select(static r => (long)r.Answer)]));
        // What comes next: from the last in front to the word before the last.
        long[] next = new long[(batch - asked) * Sentences.Longest];
        Array.Fill(next, -100);
        for (int i = asked; i < batch; i++)
        {
            for (int w = 0; w < rows[i].Sentence.Words.Length; w++) next[(i - asked) * Sentences.Longest + w] = rows[i].Sentence.Words[w];
        }

        var plain = hidden.narrow(0, asked, batch - asked).narrow(1, front - 1, Sentences.Longest).flatten(0, 1);
        return answers + nn.functional.cross_entropy(model.Predict(plain), tensor(next), ignore_index: -100);
    }

    // Words of other sentences, and for half of the rows one of the sentence's own among them.
    private static (int[] Front, Sentence Sentence, int Answer) Search(Sentences data, IReadOnlyList<Sentence> from, int count, Draws draws)
    {
        var sentence = from[draws.Below(from.Count)];
        int[] front = new int[count];
        for (int f = 0; f < count; f++)
        {
            // A few tries for a word that is not there; what is there by bad luck makes the answer yes.
            for (int tries = 0; tries < 20; tries++)
            {
                int[] other = from[draws.Below(from.Count)].Words;
                front[f] = other.Length == 0 ? Sentences.Unknown : other[draws.Below(other.Length)];
                if (front[f] != Sentences.Unknown && !sentence.Words.Contains(front[f])) break;
            }
        }

        if (draws.Below(2) == 0 && sentence.Words.Length > 0) front[draws.Below(count)] = sentence.Words[draws.Below(sentence.Words.Length)];
        return (front, sentence, data.FoundToken(front.Any(f => sentence.Words.Contains(f))));
    }

    private static Tensor Hidden(TinyTransformer model, IReadOnlyList<(int[] Front, Sentence Sentence, int Answer)> rows)
    {
        long[] front = [.. rows.SelectMany(static r => r.Front.Select(static f => (long)f))];
        int count = rows[0].Front.Length;
        var before = model.Embed(tensor(front, front.Length, 1)).view(rows.Count, count, -1);
        return model.HiddenOf(cat([before, Behind(model, [.. rows.Select(static r => r.Sentence)])], 1));
    }

    // Logits at the places of the answers.
    private static Tensor Answers(TinyTransformer model, IReadOnlyList<(int[] Front, Sentence Sentence, int Answer)> rows, Tensor hidden)
    {
        long length = hidden.shape[1];
        return model.Predict(hidden.flatten(0, 1).index_select(0, tensor([.. rows.Select((r, i) => i * length + r.Front.Length + r.Sentence.Words.Length)])));
    }

    // The words from position 1 on, and the place of the answer behind them.
    private static Tensor Behind(TinyTransformer model, IReadOnlyList<Sentence> sentences)
    {
        const int Length = Sentences.Longest + 2;
        long[] ids = new long[sentences.Count * Length];
        for (int i = 0; i < sentences.Count; i++)
        {
            int[] words = sentences[i].Words;
            for (int w = 0; w < words.Length; w++) ids[i * Length + 1 + w] = words[w];
            ids[i * Length + 1 + words.Length] = Sentences.Answer;
        }

        return model.Embed(tensor(ids, sentences.Count, Length)).narrow(1, 1, Length - 1);
    }
}
