using MoE.Diagnostics;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.Customization;

/// <summary>The page of this paper.</summary>
internal static class CustomizationPage
{
    /// <summary>Makes it.</summary>
    public static string Of(RunResult result, Characters characters, IReadOnlyList<SeedRun> runs)
    {
        (string, IReadOnlyList<double>) Row(int model, Func<Accuracy, double> side) => (SeedRun.Models[model].Name, [.. runs.Select(r => r.Mean(u => side(SeedRun.Models[model].Of(u))))]);
        int accuracies = SeedRun.Models.Count - 1;
        return PaperPage.Of(result, $"A LeNet-5 reads {characters.Source} ({characters.Classes} classes). For every user a local expert of low rank and a gate, together below 2.5 % of its size, are trained on half of the user's characters. All seeds share one global expert.",
        [
            ("Accuracy", [HtmlPage.Beside(
                HtmlPage.Figure(IntervalChart.Draw([.. Enumerable.Range(0, accuracies).Select(m => Row(m, static a => a.User))], "accuracy on users' held-out characters, %", "Accuracy for users"), "Mean over users; small dots are seeds, each with its own users."),
                HtmlPage.Figure(IntervalChart.Draw([.. Enumerable.Range(0, accuracies).Select(m => Row(m, static a => a.Generic))], "accuracy on characters of everybody else, %", "Accuracy for everybody else"), "Writers whom nobody trained on."))]),
            ("Every model", [HtmlPage.Table(["model", "users, %", "everybody else, %"], SeedRun.Models.Select(m => (IReadOnlyList<string>)[m.Name, $"{runs.Average(r => r.Mean(u => m.Of(u).User)):0.0}", $"{runs.Average(r => r.Mean(u => m.Of(u).Generic)):0.0}"]))]),
        ]);
    }
}
