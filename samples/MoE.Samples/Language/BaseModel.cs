using System.Security.Cryptography;
using System.Text;
using MoE.Samples.Frame;
using static TorchSharp.torch;

namespace MoE.Samples.Language;

/// <summary>How a base model is trained.</summary>
/// <param name="Size">Sizes.</param>
/// <param name="Merges">Pairs of the tokenizer; 0: characters.</param>
/// <param name="Steps">Training steps on the general text.</param>
/// <param name="Batch">Windows per step.</param>
/// <param name="Rate">Learning rate.</param>
public sealed record BaseRecipe(TransformerSize Size, int Merges, int Steps, int Batch, double Rate);

/// <summary>A base model trained on the general text of a corpus, with its tokens.</summary>
public sealed class BaseModel : IDisposable
{
    private BaseModel(TextCorpus corpus, BaseRecipe recipe, Tokenizer tokenizer, TinyTransformer model, bool cached)
    {
        Corpus = corpus;
        Recipe = recipe;
        Tokenizer = tokenizer;
        Model = model;
        FromCache = cached;
        Names = [.. corpus.Domains.Select(static d => d.Name)];
        Train = [.. corpus.Domains.Select(d => TokenWindows.Of(tokenizer, d.Train, recipe.Size.Context))];
        HeldOut = [.. corpus.Domains.Select(d => TokenWindows.Of(tokenizer, d.HeldOut, recipe.Size.Context))];
        Key = Fingerprint(corpus, recipe);
    }

    /// <summary>The texts.</summary>
    public TextCorpus Corpus { get; }

    /// <summary>How it was trained.</summary>
    public BaseRecipe Recipe { get; }

    /// <summary>From text to tokens.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The model.</summary>
    public TinyTransformer Model { get; }

    /// <summary>It was not trained now.</summary>
    public bool FromCache { get; }

    /// <summary>Names of the domains.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Training windows by domain.</summary>
    public IReadOnlyList<TokenWindows> Train { get; }

    /// <summary>Held-out windows by domain.</summary>
    public IReadOnlyList<TokenWindows> HeldOut { get; }

    /// <summary>Tells corpora and recipes apart.</summary>
    public string Key { get; }

    /// <summary>Trains it as the first three tenths of a run, or takes it from the cache, and says so.</summary>
    internal static BaseModel Begin(RunContext context, TextCorpus corpus, BaseRecipe recipe, LanguageCache cache)
    {
        context.Progress.Say($"text: {corpus.Origin}");
        var start = Make(corpus, recipe, cache, fraction =>
        {
            context.Cancellation.ThrowIfCancellationRequested();
            context.Progress.Report(0.3 * fraction);
        });
        context.Progress.Say(start.FromCache ? "base model: from the cache" : "base model: trained");
        return start;
    }

    /// <summary>Trains it, or takes it from the cache. It is one for all seeds.</summary>
    public static BaseModel Make(TextCorpus corpus, BaseRecipe recipe, LanguageCache cache, Action<double> progress)
    {
        var tokenizer = Tokenizer.Learn(corpus.Domains.SelectMany(static d => d.Train.Take(400)).Concat(corpus.General.Take(400)), recipe.Merges);
        manual_seed(20260107);
        var model = new TinyTransformer(tokenizer.Count, recipe.Size);
        string? place = cache.Place("base", Fingerprint(corpus, recipe));
        bool cached = LanguageCache.TryLoad(place, model);
        var made = new BaseModel(corpus, recipe, tokenizer, model, cached);
        if (cached) return made;
        try
        {
            var random = new Random(20260107);
            var general = TokenWindows.Of(tokenizer, corpus.General, recipe.Size.Context);
            LanguageTraining.Train([.. model.parameters()], recipe.Steps, recipe.Rate, _ =>
            {
                var batch = TokenWindows.Batch([.. Enumerable.Range(0, recipe.Batch).Select(_ => general.Draw(random).ToArray())]);
                return LanguageTraining.Loss(model.call(LanguageTraining.Inputs(batch)), batch);
            }, progress);
            LanguageCache.Save(place, model);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Windows of all domains in turn, [B, T + 1].</summary>
    public Tensor Draw(Random random, int count) => TokenWindows.Batch([.. Enumerable.Range(0, count).Select(i => Train[i % Train.Count].Draw(random).ToArray())]);

    /// <summary>Windows of one domain, [B, T + 1].</summary>
    public Tensor Draw(Random random, int count, int domain) => TokenWindows.Batch([.. Enumerable.Range(0, count).Select(_ => Train[domain].Draw(random).ToArray())]);

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private static string Fingerprint(TextCorpus corpus, BaseRecipe recipe)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{recipe} {corpus.Origin}"));
        foreach (var text in corpus.Domains.SelectMany(static d => d.Train.Concat(d.HeldOut).Prepend(d.Name)).Concat(corpus.General)) hash.AppendData(Encoding.UTF8.GetBytes(text));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
