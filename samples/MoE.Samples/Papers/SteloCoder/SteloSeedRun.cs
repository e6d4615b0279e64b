using MoE.Samples.Language;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.SteloCoder;

/// <summary>Experts, gate and rivals of one seed, measured on held-out files. Losses are nats per token, the mean over languages.</summary>
public sealed record SteloSeedRun
{
    // c_attn, attn c_proj and mlp c_proj of StarCoder.
    private const string Layers = @".*\.(q_proj|k_proj|v_proj|o_proj|down_proj)";

    /// <summary>Held-out files whose language the gate picks, in percent.</summary>
    public required double Picked { get; init; }

    /// <summary>The same before the gate learned.</summary>
    public required double PickedUntrained { get; init; }

    /// <summary>[language, picked] counts of files.</summary>
    public required int[,] Confusion { get; init; }

    /// <summary>The gate's experts.</summary>
    public required double Gated { get; init; }

    /// <summary>Each language's own expert.</summary>
    public required double Oracle { get; init; }

    /// <summary>The base alone.</summary>
    public required double Base { get; init; }

    /// <summary>One adapter of an expert's rank, trained on all languages for as many steps as all experts.</summary>
    public required double SharedSameRank { get; init; }

    /// <summary>One adapter of all experts' parameters, trained likewise.</summary>
    public required double SharedSameParameters { get; init; }

    /// <summary>Experts drawn at random for every file.</summary>
    public required double Random { get; init; }

    /// <summary>Decoding steps at which the newest token alone would pick the expert of the prompt, in percent: what a gate behind a key-value cache does.</summary>
    public required double NewestToken { get; init; }

    /// <summary>Steps at which the kept decision was the prompt's, in percent.</summary>
    public required double Kept { get; init; }

    /// <summary>Sequences whose decision padding changes where it takes part in the maximum, in percent.</summary>
    public required double PaddingFlips { get; init; }

    /// <summary>Parameters of an expert: counted minus the formula.</summary>
    public required double ParameterDifference { get; init; }

    /// <summary>A file: its tokens as text, and what the gate scores for each.</summary>
    public required (IReadOnlyList<string> Tokens, Routing Scores) Shown { get; init; }

    /// <summary>Trains and measures.</summary>
    /// <param name="start">The base; left as it was.</param>
    /// <param name="recipe">How much.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="learns">The gate is trained.</param>
    /// <param name="experts">Languages have experts of their own; otherwise every expert learns from all of them.</param>
    /// <param name="cache">Where finished parts are kept.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static SteloSeedRun Of(BaseModel start, SteloRecipe recipe, long seed, bool learns, bool experts, LanguageCache cache, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        var model = start.Model;
        int n = start.Names.Count, length = start.Recipe.Size.Context;
        string? place = cache.Place($"seed-{seed}{(experts ? "" : "-alike")}", start.Key, recipe.Rank, recipe.ExpertSteps, recipe.ExpertRate, recipe.Batch);
        Tensor Logits(Tensor ids) => model.call(ids);
        // The first window of every held-out file that fills one.
        int[][][] files = [.. start.Corpus.Domains.Select(d => d.HeldOut.Select(start.Tokenizer.Encode).Where(t => t.Length > length).Take(recipe.Files).Select(t => t[..(length + 1)]).ToArray())];
        if (files.Any(static f => f.Length == 0)) throw new InvalidDataException("a language has no held-out file that fills a window");
        double Mean(Func<Tensor, Tensor> logits) => files.Average(f => LanguageTraining.Evaluate(f, logits));
        double alone = Mean(Logits);

        double Shared(int rank, string name, double from)
        {
            // The scale is the experts'.
            using var lora = AdapterTraining.Train(model, Layers, [new(name, new LoraSpec { Rank = rank, Alpha = 8 * rank, Dropout = 0.05 })], recipe.ExpertSteps * n, recipe.ExpertRate, seed, (random, _) => start.Draw(random, recipe.Batch), place, f => progress(from + 0.25 * f));
            lora.Mix = LoraMix.Of(name);
            return Mean(Logits);
        }

        double sameRank = Shared(recipe.Rank, "shared-rank", 0), sameParameters = Shared(recipe.Rank * n, "shared-parameters", 0.25);
        var spec = new LoraSpec { Rank = recipe.Rank, Alpha = 8 * recipe.Rank, Dropout = 0.05 };
        using var lora = AdapterTraining.Train(model, Layers, [.. start.Names.Select(name => new KeyValuePair<string, LoraSpec>(name, spec))], recipe.ExpertSteps, recipe.ExpertRate, seed,
            (random, language) => experts ? start.Draw(random, recipe.Batch, language) : start.Draw(random, recipe.Batch), place, f => progress(0.5 + 0.25 * f));
        long counted = lora.named_parameters().Where(p => p.name.Contains($".{start.Names[0]}.", StringComparison.Ordinal)).Sum(static p => p.parameter.numel());
        // Per layer: q, k, v and o are D x D, down is 4 D x D.
        long formula = (long)recipe.Base.Size.Layers * recipe.Rank * (4 * 2 * model.Size.Width + 5 * model.Size.Width);
        double oracle = Enumerable.Range(0, n).Average(language =>
        {
            lora.Mix = LoraMix.Of(start.Names[language]);
            return LanguageTraining.Evaluate(files[language], Logits);
        });

        manual_seed(seed);
        using var mixer = new SequenceLora(lora, new SequenceMaxGate(model.Size.Width, n));
        double untrained = Pick(model, mixer, files).Share;
        if (learns) TrainGate(start, recipe, seed, mixer, f => progress(0.77 + 0.18 * f));
        mixer.eval();
        var (picked, confusion) = Pick(model, mixer, files);
        double gated = Mean(ids =>
        {
            using (no_grad()) mixer.Decide(model.Embed(ids));
            return model.call(ids);
        });
        var random = new Random((int)(seed % int.MaxValue) ^ 0x5EED);
        double byChance = Mean(ids =>
        {
            mixer.Set(tensor(Enumerable.Range(0, (int)ids.shape[0]).Select(_ => (long)random.Next(n)).ToArray()));
            return model.call(ids);
        });
        var (newest, kept) = Decode(model, mixer, files, length);
        double flips = Padded(model, mixer, files, length);
        var shown = Show(start, mixer, files);
        mixer.Reset();
        return new()
        {
            Picked = picked, PickedUntrained = untrained, Confusion = confusion, Gated = gated, Oracle = oracle, Base = alone, SharedSameRank = sameRank, SharedSameParameters = sameParameters, Random = byChance,
            NewestToken = newest, Kept = kept, PaddingFlips = flips, ParameterDifference = counted - formula, Shown = shown,
        };
    }

    // Beginnings of files, as prompts are; dense mixture, language-model loss, no label of the language.
    private static void TrainGate(BaseModel start, SteloRecipe recipe, long seed, SequenceLora mixer, Action<double> progress)
    {
        int length = start.Recipe.Size.Context;
        int[][][] files = [.. start.Corpus.Domains.Select(d => d.Train.Take(600).Select(start.Tokenizer.Encode).Where(t => t.Length > length).ToArray())];
        var random = new Random((int)(seed % int.MaxValue) * 31 + 17);
        mixer.train();
        LanguageTraining.Train([.. mixer.parameters()], recipe.GateSteps, recipe.GateRate, _ =>
        {
            var batch = TokenWindows.Batch([.. Enumerable.Range(0, recipe.Batch).Select(i =>
            {
                var own = files[i % files.Length];
                return own[random.Next(own.Length)][..(length + 1)];
            })]);
            var ids = LanguageTraining.Inputs(batch);
            mixer.Mix(start.Model.Embed(ids));
            return LanguageTraining.Loss(start.Model.call(ids), batch);
        }, progress);
        mixer.Reset();
    }

    private static (double Share, int[,] Confusion) Pick(TinyTransformer model, SequenceLora mixer, int[][][] files)
    {
        using var guard = no_grad();
        var confusion = new int[files.Length, files.Length];
        for (int language = 0; language < files.Length; language++)
        {
            using var scope = NewDisposeScope();
            foreach (long pick in mixer.Gate.decide(model.Embed(LanguageTraining.Inputs(TokenWindows.Batch(files[language])))).data<long>()) confusion[language, pick]++;
        }

        return (100 * Enumerable.Range(0, files.Length).Average(l => (double)confusion[l, l] / files[l].Length), confusion);
    }

    // The first half of a window is the prompt; the rest is decoded token by token (as if each were generated).
    private static (double Newest, double Kept) Decode(TinyTransformer model, SequenceLora mixer, int[][][] files, int length)
    {
        using var guard = no_grad();
        int steps = 0, newest = 0, kept = 0;
        foreach (var language in files)
        {
            using var scope = NewDisposeScope();
            var embedded = model.Embed(LanguageTraining.Inputs(TokenWindows.Batch(language)));
            mixer.Decide(embedded.narrow(1, 0, length / 2));
            int[] prompt = [.. mixer.Decision!];
            for (int t = length / 2; t < length; t++)
            {
                long[] now = mixer.Gate.decide(embedded.narrow(1, t, 1)).data<long>().ToArray();
                for (int i = 0; i < prompt.Length; i++)
                {
                    steps++;
                    newest += now[i] == prompt[i] ? 1 : 0;
                    kept += mixer.Decision![i] == prompt[i] ? 1 : 0;
                }
            }
        }

        return (100.0 * newest / steps, 100.0 * kept / steps);
    }

    // Half of each window is filled up with one token, which the original lets take part in the maximum.
    private static double Padded(TinyTransformer model, SequenceLora mixer, int[][][] files, int length)
    {
        using var guard = no_grad();
        int flips = 0, count = 0;
        foreach (var language in files)
        {
            using var scope = NewDisposeScope();
            var ids = LanguageTraining.Inputs(TokenWindows.Batch(language)).clone();
            ids.narrow(1, length / 2, length - length / 2).fill_(Tokenizer.Unknown);
            var padding = zeros_like(ids, dtype: ScalarType.Bool);
            padding.narrow(1, length / 2, length - length / 2).fill_(true);
            var embedded = model.Embed(ids);
            flips += (int)mixer.Gate.decide(embedded).ne(mixer.Gate.decide(embedded, padding)).sum().item<long>();
            count += language.Length;
        }

        return 100.0 * flips / count;
    }

    private static (IReadOnlyList<string>, Routing) Show(BaseModel start, SequenceLora mixer, int[][][] files)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        int[] tokens = files[0][0][..^1];
        // What each token alone scores, as shares: which tokens give a language away.
        var embedded = start.Model.Embed(tensor(Array.ConvertAll(tokens, static t => (long)t), 1, tokens.Length)).squeeze(0).unsqueeze(1);
        return ([.. tokens.Select(start.Tokenizer.Text)], new DenseRouting(tokens.Length, files.Length, 1, mixer.Gate.soft_weights(embedded).flatten().data<float>().ToArray()));
    }
}
