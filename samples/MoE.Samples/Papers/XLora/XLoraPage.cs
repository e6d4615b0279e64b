using System.Globalization;
using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Frame;
using MoE.Samples.Reports;

namespace MoE.Samples.Papers.XLora;

/// <summary>The sample as a page.</summary>
public static class XLoraPage
{
    /// <summary>Makes it.</summary>
    public static string Of(IReadOnlyList<string> domains, string origin, IReadOnlyList<XLoraSeedRun> runs, XLoraRecipe recipe, RunResult result)
    {
        int n = domains.Count;
        var matrix = new double[n + 1, n];
        for (int a = 0; a <= n; a++)
        {
            for (int d = 0; d < n; d++) matrix[a, d] = runs.Average(r => r.Matrix[a, d]);
        }

        string ablated = result.Ablated is null ? "" : $" This run leaves out \"{result.Ablated}\".";
        var page = new HtmlPage("Adapters mixed token by token", $"X-LoRA on a transformer of {recipe.Base.Size.Layers} layers that was trained here. Text: {origin}.{ablated}")
            .Section("Loss on held-out text", HtmlPage.Figure(
                IntervalChart.Draw(
                [
                    ("X-LoRA", [.. runs.Select(static r => r.Gated)]), ("own adapter (oracle)", [.. runs.Select(static r => r.Oracle)]), ("best adapter of each token", [.. runs.Select(static r => r.TopOne)]),
                    ("one shared adapter", [.. runs.Select(static r => r.SharedLora)]), ("uniform merge", [.. runs.Select(static r => r.Uniform)]), ("random adapter", [.. runs.Select(static r => r.RandomGate)]),
                ], "nats per token", "Losses of mixtures and rivals"), "Small dots: one seed each. Large dot and line: mean and its 95 % interval over seeds."))
            .Section("Which adapter serves which text", HtmlPage.Figure(
                HeatMap.Draw([.. domains.Select(static d => $"adapter {d}"), "base alone"], domains, matrix, "Loss by adapter and domain", 0.01, Nats, Nats), "Loss in nats of each adapter alone on each domain; the diagonal should be the lowest of its column."));
        foreach (var (heading, content) in TokenSections.Of(runs[0].Shown.Tokens, runs[0].Shown.Routings, domains)) page.Section(heading, content);
        return page
            .Section("Claims", ClaimSection.Of(result.Claims), new XElement("h2", "Controls"), ClaimSection.Of(result.Controls))
            .ToHtml();
    }

    private static string Nats(double loss) => loss.ToString("0.00", CultureInfo.InvariantCulture);
}
