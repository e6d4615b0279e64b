using MoE.Samples.Frame;
using MoE.Samples.Language;
using TorchSharp;

namespace MoE.Samples.Papers.XLora;

/// <summary>X-LoRA (Buehler and Buehler 2024) on a small transformer that is trained here: adapters of four kinds of text, mixed token by token and layer by layer.</summary>
public sealed class XLoraSample : Reproduction
{
    private readonly XLoraRecipe? _recipe;
    private readonly TextCorpus? _corpus;

    /// <summary>The sample as it ships.</summary>
    public XLoraSample()
    {
    }

    /// <summary>The sample with another amount of work.</summary>
    public XLoraSample(XLoraRecipe recipe, TextCorpus? corpus = null)
    {
        _recipe = recipe;
        _corpus = corpus;
    }

    /// <inheritdoc/>
    public override string Id => "xlora";

    /// <inheritdoc/>
    public override string Title => "X-LoRA: adapters of four kinds of text, mixed token by token";

    /// <inheritdoc/>
    public override string Paper => "E. L. Buehler, M. J. Buehler (2024): X-LoRA: Mixture of Low-Rank Adapter Experts. arXiv 2402.07148";

    /// <inheritdoc/>
    public override string Data => "tinyshakespeare (1.1 MB), gsm8k (4.9 MB), mbxp-code C# and Python (3.1 MB); without them the translated messages of the installed .NET SDK";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("beats-uniform", "Loss of the uniform merge minus loss of X-LoRA on held-out text", "nats", Bound.AtLeast(0.05)),
        new("near-oracle", "Loss of X-LoRA minus loss of each domain's own adapter", "nats", Bound.AtMost(0.05)),
        new("switches", "Tokens after the border of two domains until the second one's adapter leads", "tokens", Bound.AtMost(10)),
        new("beats-sequence", "Loss of the best decision for whole windows (found with the answer) minus loss of X-LoRA, on windows of two domains", "nats", Bound.AtLeast(0)),
        new("top-one", "Loss with the best adapter of each token alone minus loss with all", "nats", Bound.AtMost(0.05)),
        new("beats-shared", "Loss of one adapter of equal parameters and steps, trained on all domains, minus loss of X-LoRA", "nats", Bound.AtLeast(0)),
        new("frozen", "Bytes of base and adapters that training the gate changed (0: none)", "0 or 1", Bound.AtMost(0), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("identical-adapters", "Difference that the gate makes to the loss where all adapters are the same", "nats", Bound.AtMost(1e-6), Exact: true),
        new("random-loses", "Loss with adapters drawn at random minus loss of X-LoRA", "nats", Bound.AtLeast(0.05)),
        new("adapters-differ", "Loss of the other domains' adapters minus loss of a domain's own, least over domains", "nats", Bound.AtLeast(0.05)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("gate", "the gate stays as it was drawn", ["beats-uniform", "near-oracle", "switches", "beats-sequence"]),
        new("token-level", "the scalings are averaged over each window", ["switches", "beats-sequence"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var recipe = _recipe ?? context.Pick(XLoraRecipe.Quick, XLoraRecipe.Paper);
        var corpus = _corpus ?? TextCorpus.Mixed(context.Data);
        var cache = new LanguageCache(context.Cache);
        // Models this small run fastest on one thread.
        using var one = OneThread.Begin();
        using var start = BaseModel.Begin(context, corpus, recipe.Base, cache);
        var runs = context.OverSeeds(recipe.Seeds, (seed, progress) =>
        {
            var run = XLoraSeedRun.Of(start, recipe, seed, learns: !context.Without("gate"), byToken: !context.Without("token-level"), cache, progress);
            context.Progress.Say($"seed {seed}: X-LoRA {run.Gated:0.000}, oracle {run.Oracle:0.000}, uniform {run.Uniform:0.000}, shared {run.SharedLora:0.000} nats; switches after {run.Delay:0.0} tokens");
            return run;
        });
        if (runs.Count > 0) Describe(start, runs, recipe, findings);
    }

    private static void Describe(BaseModel start, IReadOnlyList<XLoraSeedRun> runs, XLoraRecipe recipe, Findings findings)
    {
        findings.Record("beats-uniform", runs.Select(static r => r.Uniform - r.Gated));
        findings.Record("near-oracle", runs.Select(static r => r.Gated - r.Oracle));
        findings.Record("switches", runs.Select(static r => r.Delay));
        findings.Record("beats-sequence", runs.Select(static r => r.MixedSequence - r.MixedGated));
        findings.Record("top-one", runs.Select(static r => r.TopOne - r.Gated));
        findings.Record("beats-shared", runs.Select(static r => r.SharedLora - r.Gated));
        findings.Record("frozen", runs.Select(static r => (double)r.Changed));
        findings.Record("identical-adapters", runs.Select(static r => r.Identical));
        findings.Record("random-loses", runs.Select(static r => r.RandomGate - r.Gated));
        int n = start.Names.Count;
        findings.Record("adapters-differ", runs.Select(r => Enumerable.Range(0, n).Min(d => Enumerable.Range(0, n).Where(a => a != d).Average(a => r.Matrix[a, d]) - r.Matrix[d, d])));

        findings.Numbers["text"] = start.Corpus.Origin;
        findings.Numbers["domains"] = start.Names.ToArray();
        findings.Numbers["base_parameters"] = start.Model.parameters().Sum(static p => p.numel());
        findings.Numbers["base_from_cache"] = start.FromCache ? "yes" : "no";
        findings.Numbers["gate_parameters"] = runs[0].GateParameters;
        findings.Numbers["gate_step_over_plain_step"] = runs.Select(static r => r.StepTime).ToArray();
        findings.Numbers["loss_nats"] = new Dictionary<string, object>
        {
            ["xlora"] = runs.Select(static r => r.Gated).ToArray(), ["oracle"] = runs.Select(static r => r.Oracle).ToArray(), ["uniform"] = runs.Select(static r => r.Uniform).ToArray(),
            ["top_one"] = runs.Select(static r => r.TopOne).ToArray(), ["shared"] = runs.Select(static r => r.SharedLora).ToArray(), ["random"] = runs.Select(static r => r.RandomGate).ToArray(),
            ["mixed_xlora"] = runs.Select(static r => r.MixedGated).ToArray(), ["mixed_sequence"] = runs.Select(static r => r.MixedSequence).ToArray(),
        };
        findings.Numbers["loss_by_adapter_and_domain"] = Enumerable.Range(0, n + 1).Select(a => Enumerable.Range(0, n).Select(d => runs.Average(r => r.Matrix[a, d])).ToArray()).ToArray();
        findings.Next.Add($"Text: {start.Corpus.Origin}.");
        findings.Page = result => XLoraPage.Of(start.Names, start.Corpus.Origin, runs, recipe, result);
    }
}
