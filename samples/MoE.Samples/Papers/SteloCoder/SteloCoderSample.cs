using MoE.Samples.Frame;
using MoE.Samples.Language;
using TorchSharp;

namespace MoE.Samples.Papers.SteloCoder;

/// <summary>SteloCoder (Pan et al. 2023) on a small transformer that is trained here: an adapter per programming language, and a gate that sees embeddings only and decides once per file.</summary>
public sealed class SteloCoderSample : Reproduction
{
    private readonly SteloRecipe? _recipe;
    private readonly TextCorpus? _corpus;

    /// <summary>The sample as it ships.</summary>
    public SteloCoderSample()
    {
    }

    /// <summary>The sample with another amount of work.</summary>
    public SteloCoderSample(SteloRecipe recipe, TextCorpus? corpus = null)
    {
        _recipe = recipe;
        _corpus = corpus;
    }

    /// <inheritdoc/>
    public override string Id => "stelocoder";

    /// <inheritdoc/>
    public override string Title => "SteloCoder: an adapter per programming language, one decision per file";

    /// <inheritdoc/>
    public override string Paper => "J. Pan, A. Sade, J. Kim, E. Soriano, G. Sole, S. Flamant (2023): SteloCoder: a Decoder-Only LLM for Multi-Language to Python Code Translation. arXiv 2310.15539";

    /// <inheritdoc/>
    public override string Data => "mbxp-code: C++, PHP, JavaScript, C# and Java (8.7 MB), a fifth of the tasks held out; without it the translated messages of the installed .NET SDK";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("picks-language", "Held-out files whose language the gate picks, without ever having seen a label", "%", Bound.AtLeast(95)),
        new("near-oracle", "Loss of the gate's experts minus loss of each language's own", "nats", Bound.AtMost(0.02)),
        new("beats-shared-rank", "Loss of one adapter of an expert's rank, trained on all languages for as many steps, minus loss of the gate's experts", "nats", Bound.AtLeast(0)),
        new("beats-shared-parameters", "Loss of one adapter of all experts' parameters, trained likewise, minus loss of the gate's experts", "nats", Bound.AtLeast(0)),
        new("decision-kept", "Decoding steps that use the expert of the prompt with a kept decision", "%", Bound.AtLeast(100), Exact: true),
        new("expert-parameters", "Parameters of an expert minus rank x (inputs + outputs) over its layers", "parameters", Bound.In(0, 0), Exact: true),
        new("starcoder-parameters", "Parameters of an expert of StarCoder by the library's count", "millions", Bound.In(8.88832, 8.88832), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("newest-token-flips", "Decoding steps at which a gate behind a key-value cache, which sees the newest token only, picks the expert of the prompt", "%", Bound.AtMost(95)),
        new("untrained-gate", "Held-out files whose language the gate picks before it has learned", "%", Bound.AtMost(60)),
        new("random-loses", "Loss with experts drawn at random minus loss of the gate's", "nats", Bound.AtLeast(0.02)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("gate", "the gate stays as it was drawn", ["picks-language", "near-oracle"]),
        new("experts", "every expert learns from all languages alike", ["picks-language", "beats-shared-parameters"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(SteloRecipe.Quick, SteloRecipe.Paper);
        var corpus = _corpus ?? TextCorpus.Programs(context.Data);
        var cache = new LanguageCache(context.Cache);
        // Models this small run fastest on one thread.
        using var one = OneThread.Begin();
        using var start = BaseModel.Begin(context, corpus, recipe.Base, cache);
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = SteloSeedRun.Of(start, recipe, seed, learns: !context.Without("gate"), experts: !context.Without("experts"), cache, progress);
            context.Progress.Say($"seed {seed}: picks {run.Picked:0.0} % of the languages; gate {run.Gated:0.000}, oracle {run.Oracle:0.000}, shared {run.SharedSameRank:0.000} and {run.SharedSameParameters:0.000} nats");
            return run;
        });
        if (runs.Count > 0) Describe(start, runs, recipe, findings);
    }

    /// <summary>Parameters of an expert of StarCoder: 40 layers, D 6144, one key and value head of 128, MLP 24576, rank 4 on c_attn and both c_proj.</summary>
    public static long StarCoderExpert()
    {
        var spec = new LoraSpec { Rank = 4, Alpha = 32 };
        return 40 * (spec.ParameterCount(6144, 6144 + 2 * 128) + spec.ParameterCount(6144, 6144) + spec.ParameterCount(24576, 6144));
    }

    private static void Describe(BaseModel start, IReadOnlyList<SteloSeedRun> runs, SteloRecipe recipe, Findings findings)
    {
        findings.Record("picks-language", runs.Select(static r => r.Picked));
        findings.Record("near-oracle", runs.Select(static r => r.Gated - r.Oracle));
        findings.Record("beats-shared-rank", runs.Select(static r => r.SharedSameRank - r.Gated));
        findings.Record("beats-shared-parameters", runs.Select(static r => r.SharedSameParameters - r.Gated));
        findings.Record("decision-kept", runs.Select(static r => r.Kept));
        findings.Record("expert-parameters", runs.Select(static r => r.ParameterDifference));
        findings.Record("starcoder-parameters", runs.Select(static _ => StarCoderExpert() / 1e6));
        findings.Record("newest-token-flips", runs.Select(static r => r.NewestToken));
        findings.Record("untrained-gate", runs.Select(static r => r.PickedUntrained));
        findings.Record("random-loses", runs.Select(static r => r.Random - r.Gated));
        int n = start.Names.Count;
        findings.Numbers["text"] = start.Corpus.Origin;
        findings.Numbers["languages"] = start.Names.ToArray();
        findings.Numbers["base_parameters"] = start.Model.parameters().Sum(static p => p.numel());
        findings.Numbers["base_from_cache"] = start.FromCache ? "yes" : "no";
        findings.Numbers["tokens"] = start.Tokenizer.Count;
        findings.Numbers["padding_flips_percent"] = runs.Select(static r => r.PaddingFlips).ToArray();
        findings.Numbers["loss_nats"] = new Dictionary<string, object>
        {
            ["gate"] = runs.Select(static r => r.Gated).ToArray(), ["oracle"] = runs.Select(static r => r.Oracle).ToArray(), ["base"] = runs.Select(static r => r.Base).ToArray(),
            ["shared_same_rank"] = runs.Select(static r => r.SharedSameRank).ToArray(), ["shared_same_parameters"] = runs.Select(static r => r.SharedSameParameters).ToArray(), ["random"] = runs.Select(static r => r.Random).ToArray(),
        };
        findings.Numbers["files_by_language_and_pick"] = Enumerable.Range(0, n).Select(l => Enumerable.Range(0, n).Select(p => (double)runs.Sum(r => r.Confusion[l, p])).ToArray()).ToArray();
        findings.Next.Add($"Text: {start.Corpus.Origin}.");
        findings.Page = result => SteloCoderPage.Of(start.Names, start.Corpus.Origin, runs, recipe, result);
    }
}
