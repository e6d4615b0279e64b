using MoE.Samples.Language;
using MoE.Samples.Numerics;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Ept;

/// <summary>A small causal transformer, trained here on the sentences of all tasks and on the labels of the source tasks, then frozen: it stands for T5.</summary>
public sealed class FrozenModel : IDisposable
{
    /// <summary>Positions: a name, a sentence, the place of the answer, a label.</summary>
    private const int Context = Sentences.Longest + 3;

    private FrozenModel(TinyTransformer model) => Model = model;

    /// <summary>How it is trained.</summary>
    /// <param name="Width">D.</param>
    /// <param name="Layers">Blocks.</param>
    /// <param name="Heads">Attention heads.</param>
    /// <param name="Steps">Steps.</param>
    /// <param name="Batch">Sentences per step.</param>
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
            string? place = cache.Place("ept-base", recipe, data.Vocabulary, string.Join(' ', all.Select(static t => $"{t.Name} {t.Classes} {t.Train.Count}")), all.Sum(static t => t.Train.Sum(static s => s.Words.Sum(static w => (long)w))));
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

    /// <summary>Sentences as token embeddings with their positions, [B, 1 + Longest, D], and the place of each answer, [B]. The first position is left to the prompt.</summary>
    public (Tensor Embeddings, Tensor Answers) Embed(IReadOnlyList<Sentence> sentences)
    {
        using var scope = NewDisposeScope();
        long[] ids = new long[sentences.Count * (Sentences.Longest + 2)];
        for (int i = 0; i < sentences.Count; i++)
        {
            int[] words = sentences[i].Words;
            for (int w = 0; w < words.Length; w++) ids[i * (Sentences.Longest + 2) + 1 + w] = words[w];
            ids[i * (Sentences.Longest + 2) + 1 + words.Length] = Sentences.Answer;
        }

        var embeddings = Model.Embed(tensor(ids, sentences.Count, Sentences.Longest + 2)).narrow(1, 1, Sentences.Longest + 1);
        return (embeddings.MoveToOuterDisposeScope(), tensor([.. sentences.Select(static s => (long)s.Words.Length)]).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    // Next words of all sentences; labels of the sources, behind the place of the answer.
    private static Tensor Loss(TinyTransformer model, Sentences data, int batch, Draws draws)
    {
        long[] ids = new long[batch * Context], targets = new long[batch * (Context - 1)];
        var places = new List<long>();
        var labels = new List<long>();
        Array.Fill(targets, -100);
        for (int i = 0; i < batch; i++)
        {
            // Half of a batch is of the first source, a quarter of the others, a quarter plain text of the targets.
            int source = i % 4 < 2 ? 0 : i % 4 == 2 ? draws.Below(data.Sources.Count) : data.Sources.Count;
            var task = source < data.Sources.Count ? data.Sources[source] : data.Targets[draws.Below(data.Targets.Count)];
            var sentence = task.Train[draws.Below(task.Train.Count)];
            var row = ids.AsSpan(i * Context, Context);
            row[0] = data.TaskToken(source);
            for (int w = 0; w < sentence.Words.Length; w++)
            {
                row[1 + w] = sentence.Words[w];
                targets[i * (Context - 1) + w] = sentence.Words[w];
            }

            if (source == data.Sources.Count) continue;
            row[1 + sentence.Words.Length] = Sentences.Answer;
            places.Add(i * (Context - 1) + 1 + sentence.Words.Length);
            labels.Add(data.LabelToken(source, sentence.Label));
        }

        var hidden = model.Hidden(tensor(ids, batch, Context).narrow(1, 0, Context - 1)).flatten(0, 1);
        var words = nn.functional.cross_entropy(model.Predict(hidden), tensor(targets), ignore_index: -100);
        var answers = nn.functional.cross_entropy(model.Predict(hidden.index_select(0, tensor(places.ToArray()))), tensor(labels.ToArray()));
        return words + answers;
    }
}
