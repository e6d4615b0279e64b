using System.Globalization;
using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.SteloCoder;

/// <summary>The sample as a page.</summary>
public static class SteloCoderPage
{
    /// <summary>Makes it.</summary>
    public static string Of(IReadOnlyList<string> languages, string origin, IReadOnlyList<SteloSeedRun> runs, SteloRecipe recipe, RunResult result)
    {
        int n = languages.Count;
        var picks = new double[n, n];
        for (int l = 0; l < n; l++)
        {
            double files = Enumerable.Range(0, n).Sum(p => runs.Sum(r => r.Confusion[l, p]));
            for (int p = 0; p < n; p++) picks[l, p] = runs.Sum(r => r.Confusion[l, p]) / files;
        }

        string ablated = result.Ablated is null ? "" : $" This run leaves out \"{result.Ablated}\".";
        var page = new HtmlPage("An adapter per language, one decision per file", $"SteloCoder's gate and experts on a transformer of {recipe.Base.Size.Layers} layers that was trained here. Text: {origin}.{ablated}")
            .Section("Which language the gate picks", HtmlPage.Figure(
                HeatMap.Draw([.. languages], [.. languages], picks, "Share of held-out files by language and pick"), "Rows: the file's language. Columns: the expert that was picked, in percent of the files."))
            .Section("Loss on held-out files", HtmlPage.Figure(
                IntervalChart.Draw(
                [
                    ("the gate's experts", [.. runs.Select(static r => r.Gated)]), ("own expert (oracle)", [.. runs.Select(static r => r.Oracle)]), ("one adapter, same rank", [.. runs.Select(static r => r.SharedSameRank)]),
                    ("one adapter, same parameters", [.. runs.Select(static r => r.SharedSameParameters)]), ("random expert", [.. runs.Select(static r => r.Random)]), ("base alone", [.. runs.Select(static r => r.Base)]),
                ], "nats per token", "Losses of experts and rivals"), "Small dots: one seed each. Large dot and line: mean and its 95 % interval over seeds."));
        foreach (var (heading, content) in TokenSections.Of(runs[0].Shown.Tokens, [new("gate", runs[0].Shown.Scores)], languages).Take(1)) page.Section($"What each token tells the gate: {heading.ToLower(CultureInfo.InvariantCulture)}", content);
        return page
            .Section("Claims", ClaimSection.Of(result.Claims), new XElement("h2", "Controls"), ClaimSection.Of(result.Controls))
            .ToHtml();
    }
}
