using MoE.Diagnostics;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>The page of this paper.</summary>
internal static class TopKGaussianPage
{
    /// <summary>Makes it.</summary>
    public static string Of(RunResult result, IReadOnlyList<Panel> panels, IReadOnlyList<TopKGaussianSample.Study> studies)
    {
        ScalingChart.Curve Curve(int panel, Func<Panel.Outcome, double[]> values) =>
            new(panels[panel].Name, [.. Enumerable.Range(0, panels[panel].Sizes.Length).Select(i => studies.Average(s => values(s.Outcomes[panel])[i]))]);
        return PaperPage.Of(result, "Simulated pairs from a softmax-gated mixture of two linear Gaussian experts, fitted by EM from starts near the truth. A slope of -1/2 on logarithmic axes is the parametric rate.",
        [
            ("Rates",
            [
                HtmlPage.Beside(
                    HtmlPage.Figure(ScalingChart.Draw(panels[0].Sizes, [Curve(0, static o => o.First), Curve(1, static o => o.First), Curve(9, static o => o.First)], "sample size", "Parameter loss over sample size, one expert kept"),
                        "Parameter loss D1 with one expert kept. The gate is never learned there: noise of the start stays as a floor."),
                    HtmlPage.Figure(ScalingChart.Draw(panels[3].Sizes, [Curve(3, static o => o.Density), Curve(4, static o => o.Density), Curve(5, static o => o.Density)], "sample size", "Density error over sample size"),
                        "Hellinger distance of the fitted density. P2: as many experts as the truth. P3: one too many, all kept. P4: the same, one kept too few; it stays.")),
                HtmlPage.Paragraph("P4 shows that EM from near the truth does not converge, which is the paper's local statement; a global optimiser may park the spare expert where it is never chosen. P5, the published over-specified panel, " +
                    "cannot represent its truth with finite parameters (top 2 of 3 experts, where one expert owns a region) and is a note, no claim."),
            ]),
            ("Every panel", [HtmlPage.Table(["panel", "sizes", "repetitions", "D1 at the largest", "Hellinger at the largest", "EM iterations there"], panels.Select((p, i) => (IReadOnlyList<string>)
            [
                p.Name, $"{p.Sizes[0]:0}..{p.Sizes[^1]:0}", $"{p.Repetitions}", $"{studies.Average(s => s.Outcomes[i].First[^1]):0.0000}", $"{studies.Average(s => s.Outcomes[i].Density[^1]):0.0000}", $"{studies.Average(s => s.Outcomes[i].Iterations[^1]):0}",
            ]))]),
        ]);
    }
}
