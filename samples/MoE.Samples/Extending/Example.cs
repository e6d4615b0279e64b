using MoE.Samples.Data;
using MoE.Samples.Digits;
using MoE.Samples.Frame;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>An extension sample in the frame of the others: trained on the digits, once per seed.</summary>
/// <param name="id">Name on the command line.</param>
/// <param name="title">One line for lists.</param>
/// <param name="run">Trains and measures: a value for every claim, and further numbers.</param>
/// <param name="claims">What it must show.</param>
public sealed class Example(string id, string title, Func<DigitSplit, Action<double>, IReadOnlyDictionary<string, double>> run, IReadOnlyList<Claim> claims) : Reproduction
{
    /// <inheritdoc/>
    public override string Id => id;

    /// <inheritdoc/>
    public override string Title => title;

    /// <inheritdoc/>
    public override string Data => $"{DataCatalogue.Digits.Title}; a third held out, redrawn per seed";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims => claims;

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var images = DigitImages.Load(context.Data);
        using var one = OneThread.Begin();
        var runs = context.OverSeeds(context.Pick(quick: 3, paper: 10), (seed, progress) =>
        {
            using var scope = NewDisposeScope();
            using var split = DigitSplit.Draw(images, parts: 3, seed);
            manual_seed(seed);
            var values = run(split, progress);
            context.Progress.Say($"seed {seed}: {string.Join(", ", values.Select(static v => $"{v.Key} {v.Value:0.##}"))}");
            return values;
        });
        if (runs.Count == 0) return;
        foreach (string name in runs[0].Keys)
        {
            double[] values = [.. runs.Select(r => r[name])];
            if (claims.Any(c => c.Id == name)) findings.Record(name, values);
            else findings.Numbers[name] = values;
        }
    }
}
