using MoE.Samples.Frame;

namespace MoE.Samples.Tests;

/// <summary>A sample that records what it is told to, once per seed.</summary>
internal sealed class FakeSample(string id, Func<RunContext, long, double> exact, Func<RunContext, long, double> learned, int seeds = 3) : Reproduction
{
    public override string Id => id;

    public override string Title => $"Fake <{id}> [not markup]";

    public override string Data => "none";

    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("identity", "An identity [of sorts]", "units", Bound.AtMost(0), Exact: true),
        new("learned", "Something learned", "units", Bound.AtLeast(1)),
    ];

    public override IReadOnlyList<Ablation> Ablations { get; } = [new("mechanism", "it is off", ["learned"])];

    public static FakeSample Good(string id = "good") => new(id, static (_, _) => 0, static (context, seed) => (context.Without("mechanism") ? 0 : 2) + seed % 10 * 0.001);

    public override void Run(RunContext context, Findings findings)
    {
        var values = context.OverSeeds(seeds, (seed, progress) =>
        {
            progress(0.5);
            var pair = (exact(context, seed), learned(context, seed));
            context.Progress.Say($"seed {seed} done");
            return pair;
        });
        findings.Record("identity", values.Select(static v => v.Item1));
        findings.Record("learned", values.Select(static v => v.Item2));
        findings.Numbers["seeds"] = values.Count;
    }
}
