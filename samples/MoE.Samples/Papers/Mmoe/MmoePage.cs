using MoE.Diagnostics;
using MoE.Samples.Frame;
using MoE.Samples.Papers.Mmoe.Synthetic;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.Mmoe;

/// <summary>The page of these papers.</summary>
internal static class MmoePage
{
    /// <summary>Makes it.</summary>
    public static string Of(RunResult result, Plan plan, IReadOnlyList<SeedRun> runs)
    {
        double p = plan.Correlations[0];
        var rows = Enum.GetValues<Architecture>().Reverse().Select(a => (a.ToString(), (IReadOnlyList<double>)[.. runs.SelectMany(r => r.Synthetic[(p, a)])])).ToList();
        var sections = new List<(string, object[])>
        {
            ($"Synthetic tasks of correlation {p}", [HtmlPage.Figure(IntervalChart.Draw(rows, "mean squared error on held-out rows", "Errors of three architectures"), $"A dot per repetition: {plan.Synthetic.Repetitions} for each of {runs.Count} seeds, the same data for all architectures; the variance of the noise is 0.01.")]),
        };
        foreach (var table in runs[0].Tables.Keys.GroupBy(static k => k.Table))
        {
            sections.Add((table.Key, [HtmlPage.Table(["architecture", "AUC, first task", "AUC, second task"], table.Select(k => (IReadOnlyList<string>)[k.Model.ToString(), Text(runs, r => r.Tables[k][0]), Text(runs, r => r.Tables[k][1])])),
                HtmlPage.Paragraph("No order of architectures is claimed: differences are of the size of those between seeds.")]));
        }

        if (runs[0].Ratings.Count > 0)
        {
            sections.Add(("Films: interest and refinement modules", [HtmlPage.Table(["model", "AUC, like", "AUC, extreme"],
                runs[0].Ratings.Keys.Select(k => (IReadOnlyList<string>)[$"{k.Model}{(k.Refined ? " with DTRN" : "")}", Text(runs, r => r.Ratings[k].Auc[0]), Text(runs, r => r.Ratings[k].Auc[1])]))]));
        }

        return PaperPage.Of(result, "One set of experts, a gate per task. The synthetic tasks of the MMoE paper, census tables, and ratings of films with task-specific interests.", sections);
    }

    private static string Text(IReadOnlyList<SeedRun> runs, Func<SeedRun, double> of)
    {
        var interval = Interval.Over([.. runs.Select(of)]);
        return double.IsNaN(interval.Sd) ? $"{interval.Mean:0.0000}" : $"{interval.Mean:0.0000} ± {interval.Sd:0.0000}";
    }
}
