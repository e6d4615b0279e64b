using MoE.Samples.Frame;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>How fast the parameters and the density of a top-K softmax-gated Gaussian mixture are learned, and what happens when too few experts are kept.</summary>
public sealed class TopKGaussianSample : Reproduction
{
    private readonly Plan? _plan;

    /// <summary>The sample as it ships.</summary>
    public TopKGaussianSample()
    {
    }

    /// <summary>The sample with another amount of work.</summary>
    public TopKGaussianSample(Plan plan) => _plan = plan;

    /// <inheritdoc/>
    public override string Id => "topk-gaussian";

    /// <inheritdoc/>
    public override string Title => "Top-K softmax-gated Gaussian mixtures: rates of estimation";

    /// <inheritdoc/>
    public override string Paper => "Nguyen, Akbarian, Yan, Ho: Statistical Perspective of Top-K Sparse Softmax Gating Mixture of Experts (ICLR 2024, arXiv 2309.13850)";

    /// <inheritdoc/>
    public override string Data => "Simulated, as in the paper; every repetition draws its own sample";

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Claims { get; } =
    [
        new("p1-slope", "P1, the published exact panel (K = 1, 2 experts, uniform inputs): exponent of the parameter loss D1 in the sample size", "exponent", Bound.In(-0.58, -0.40), Published: "-1/2 (theory); slope of Fig. 3 not at hand"),
        new("p1-normal-slope", "P1 with the normal inputs of the released code: exponent of D1", "exponent", Bound.In(-0.58, -0.40), Published: "-1/2 (theory)"),
        new("p1-without-bias-slope", "P1 with normal inputs and experts selected without the bias, as in the paper's notation: exponent of D1", "exponent", Bound.In(-0.58, -0.40), Published: "-1/2 (theory)"),
        new("p2-slope", "P2 (K = 2, 2 experts, milder gate): exponent of D1", "exponent", Bound.In(-0.62, -0.40), Published: "-1/2 (theory)"),
        new("p2-density-slope", "P2: exponent of the Hellinger distance of the density", "exponent", Bound.In(-0.58, -0.42), Published: "-1/2 (theory)"),
        new("p3-density-slope", "P3 (truth of 2 experts, 3 fitted, 3 kept): exponent of the Hellinger distance", "exponent", Bound.AtMost(-0.42), Published: "-1/2 (theory)"),
        new("p4-density-slope", "P4 (the same, 2 kept): exponent of the Hellinger distance, which should not fall", "exponent", Bound.AtLeast(-0.10), Published: "does not converge (theory, locally)"),
        new("p4-over-p3", "Hellinger distance at the largest sample: P4 over P3", "ratio", Bound.AtLeast(10), Published: "unbounded (theory)"),
        new("local-all-kept", "3 experts near a truth of 2, all kept: mean Hellinger distance at distance 1e-3 over that at 1e-1", "ratio", Bound.AtMost(0.05), Published: "converges (theory, locally)"),
        new("local-too-few-kept", "3 experts near a truth of 2, 2 kept: the same ratio", "ratio", Bound.AtLeast(0.5), Published: "does not converge (theory, locally)"),
        new("em-monotone", "Largest fall of the mean log-likelihood in an iteration of EM, over all fits", "nats", Bound.AtMost(1e-9), Exact: true),
        new("gate-frozen", "Largest change of a gate parameter during EM with K = 1, where the released experiment cannot learn its gate", "units", Bound.AtMost(0), Exact: true),
        new("library-gate", "Largest difference of a gate's share from the library's router, both rules of selection", "share", Bound.AtMost(1e-6), Exact: true),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Claim> Controls { get; } =
    [
        new("gate-at-truth", "P1 with the gate held at the truth: exponent of D1 minus that of P1; K = 1 learns no gate, so nothing changes", "exponent", Bound.In(-0.03, 0.03)),
        new("experts-at-truth", "The same for the experts' part of D1 alone", "exponent", Bound.In(-0.03, 0.03)),
        new("noisy-start-p2", "P2 from starts ten times as noisy: exponent of D1 minus that of P2; a gate that is learned forgets its start", "exponent", Bound.In(-0.1, 0.1)),
        new("noisy-start-p1", "P1 with normal inputs from starts ten times as noisy: exponent of D1 minus the one without; a gate that is not learned keeps the noise", "exponent", Bound.AtLeast(0.05)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Ablation> Ablations { get; } =
    [
        new("expert-updates", "EM leaves the experts where they begin", ["p1-slope", "p1-normal-slope", "p1-without-bias-slope", "p2-slope", "p3-density-slope"]),
        new("enough-kept", "2 of 3 experts are kept where P3 keeps all", ["p3-density-slope", "p4-over-p3", "local-all-kept"]),
        new("too-few-kept", "all 3 experts are kept where P4 keeps 2", ["p4-density-slope", "p4-over-p3", "local-too-few-kept"]),
    ];

    /// <inheritdoc/>
    public override void Run(RunContext context, Findings findings)
    {
        var plan = _plan ?? context.Pick(Plan.Quick, Plan.Paper);
        bool keeps = context.Without("expert-updates");
        var panels = new Panel[]
        {
            plan.P1, plan.P1Normal, plan.P1Normal with { Name = "P1' without bias", SelectsWithBias = false }, plan.P2,
            plan.P3 with { Kept = context.Without("enough-kept") ? 2 : 3, MostIterations = context.Without("enough-kept") ? plan.MostIterations : plan.P3.MostIterations },
            plan.P4 with { Kept = context.Without("too-few-kept") ? 3 : 2 }, plan.P5,
            plan.P1 with { Name = "P1, gate at truth", GateAtTruth = true }, plan.P2 with { Name = "P2, start x 10", StartNoise = 10, Density = null }, plan.P1Normal with { Name = "P1', start x 10", StartNoise = 10 },
        };
        panels = [.. panels.Select(p => p with { KeepsExperts = keeps })];
        var studies = context.OverSeeds(plan.Seeds, (seed, progress) =>
        {
            var outcomes = new Panel.Outcome[panels.Length];
            for (int p = 0; p < panels.Length; p++) outcomes[p] = panels[p].Run(seed, fraction => progress((p + fraction) / panels.Length));
            var study = new Study(panels, outcomes, LibraryGate.LargestDifference(seed), Neighbourhood.Ratio(seed, panels[4].Kept), Neighbourhood.Ratio(seed, panels[5].Kept));
            context.Progress.Say($"seed {seed}: D1 of P1 {study.FirstSlope(0):0.000}; Hellinger of P3 {study.DensitySlope(4):0.000}, of P4 {study.DensitySlope(5):0.000}");
            return study;
        });
        if (studies.Count > 0) Describe(studies, findings);
    }

    private static void Describe(IReadOnlyList<Study> studies, Findings findings)
    {
        findings.Record("p1-slope", studies.Select(static s => s.FirstSlope(0)));
        findings.Record("p1-normal-slope", studies.Select(static s => s.FirstSlope(1)));
        findings.Record("p1-without-bias-slope", studies.Select(static s => s.FirstSlope(2)));
        findings.Record("p2-slope", studies.Select(static s => s.FirstSlope(3)));
        findings.Record("p2-density-slope", studies.Select(static s => s.DensitySlope(3)));
        findings.Record("p3-density-slope", studies.Select(static s => s.DensitySlope(4)));
        findings.Record("p4-density-slope", studies.Select(static s => s.DensitySlope(5)));
        findings.Record("p4-over-p3", studies.Select(static s => s.Outcomes[5].Density[^1] / s.Outcomes[4].Density[^1]));
        findings.Record("local-all-kept", studies.Select(static s => s.LocalAll));
        findings.Record("local-too-few-kept", studies.Select(static s => s.LocalFew));
        findings.Record("em-monotone", studies.Select(static s => s.Outcomes.Max(static o => o.LargestFall)));
        findings.Record("gate-frozen", studies.Select(static s => Math.Max(s.Outcomes[0].GateMoved, s.Outcomes[1].GateMoved)));
        findings.Record("library-gate", studies.Select(static s => s.LibraryDifference));
        findings.Record("gate-at-truth", studies.Select(static s => s.FirstSlope(7) - s.FirstSlope(0)));
        findings.Record("experts-at-truth", studies.Select(static s => s.ExpertSlope(7) - s.ExpertSlope(0)));
        findings.Record("noisy-start-p2", studies.Select(static s => s.FirstSlope(8) - s.FirstSlope(3)));
        findings.Record("noisy-start-p1", studies.Select(static s => s.FirstSlope(9) - s.FirstSlope(1)));

        var first = studies[0];
        for (int p = 0; p < first.Panels.Count; p++)
        {
            double[] Mean(Func<Panel.Outcome, double[]> values) => [.. Enumerable.Range(0, first.Panels[p].Sizes.Length).Select(i => studies.Average(s => values(s.Outcomes[p])[i]))];
            findings.Numbers[first.Panels[p].Name] = new Dictionary<string, object>
            {
                ["sizes"] = first.Panels[p].Sizes,
                ["repetitions"] = first.Panels[p].Repetitions,
                ["D1"] = Mean(static o => o.First),
                ["D2"] = Mean(static o => o.Second),
                ["hellinger"] = Mean(static o => o.Density),
                ["mass of the lightest atom in its cell"] = Mean(static o => o.Lightest),
                ["D1 of experts"] = Mean(static o => o.Experts),
                ["iterations"] = Mean(static o => o.Iterations),
                ["D1 slope"] = Slopes(first.Panels[p].Sizes, Mean(static o => o.First)),
                ["D2 slope"] = Slopes(first.Panels[p].Sizes, Mean(static o => o.Second)),
                ["hellinger slope"] = Slopes(first.Panels[p].Sizes, Mean(static o => o.Density)),
            };
        }

        findings.Page = result => TopKGaussianPage.Of(result, first.Panels, studies);
    }

    // Slopes depend on the sizes that count: with all of them, and without the first third.
    private static Dictionary<string, double> Slopes(double[] sizes, double[] values)
    {
        var (all, error) = PowerLaw.Fit(sizes, values);
        var (late, lateError) = PowerLaw.Fit(sizes[(sizes.Length / 3)..], values[(sizes.Length / 3)..]);
        return new() { ["all"] = all, ["error"] = error, ["without first third"] = late, ["error without first third"] = lateError };
    }

    /// <summary>One seed.</summary>
    internal sealed record Study(IReadOnlyList<Panel> Panels, Panel.Outcome[] Outcomes, double LibraryDifference, double LocalAll, double LocalFew)
    {
        public double FirstSlope(int panel) => PowerLaw.Fit(Panels[panel].Sizes, Outcomes[panel].First).Slope;

        public double ExpertSlope(int panel) => PowerLaw.Fit(Panels[panel].Sizes, Outcomes[panel].Experts).Slope;

        public double DensitySlope(int panel) => PowerLaw.Fit(Panels[panel].Sizes, Outcomes[panel].Density).Slope;
    }
}
