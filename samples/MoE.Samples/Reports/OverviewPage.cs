using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Frame;

namespace MoE.Samples.Reports;

/// <summary>One page about all samples that were run.</summary>
public static class OverviewPage
{
    /// <summary>Makes it.</summary>
    /// <param name="results">In the order they ran.</param>
    /// <param name="reported">True if a sample has a page of its own, in the subfolder of its id.</param>
    public static string Of(IReadOnlyList<RunResult> results, Func<string, bool> reported)
    {
        var claims = results.SelectMany(static r => r.Claims).ToList();
        var page = new HtmlPage("Samples and reproductions", $"{results.Count} samples, {claims.Count} claims, {results.Sum(static r => r.Controls.Count)} controls, {results.Sum(static r => r.Seconds):0} seconds.")
            .Tiles([.. Enum.GetValues<Verdict>().Select(v => ($"{claims.Count(c => c.Verdict == v)}", $"claims: {ResultJson.Name(v)}"))])
            .Section("Verdicts", HtmlPage.Table(
                ["sample", "holds", "fails", "inconclusive", "not run", "controls that hold", "seeds", "seconds"],
                results.Select(static r => (IReadOnlyList<string>)
                [
                    r.Id, Count(r.Claims, Verdict.Holds), Count(r.Claims, Verdict.Fails), Count(r.Claims, Verdict.Inconclusive), Count(r.Claims, Verdict.NotRun),
                    $"{Count(r.Controls, Verdict.Holds)} of {r.Controls.Count}", $"{r.Seeds.Count}", $"{r.Seconds:0}",
                ])));
        foreach (var result in results)
        {
            var content = new List<object>();
            if (result.Paper.Length > 0) content.Add(HtmlPage.Paragraph(result.Paper));
            if (reported(result.Id)) content.Add(new XElement("p", new XElement("a", new XAttribute("href", $"{result.Id}/report.html"), "Charts and settings")));
            content.Add(ClaimSection.Of([.. result.Claims, .. result.Controls]));
            var reasons = result.Claims.Where(static c => c.Verdict == Verdict.NotRun).Select(static c => c.Reason).Distinct().ToList();
            if (reasons.Count > 0) content.Add(HtmlPage.Paragraph($"Not run: {string.Join("; ", reasons)}"));
            page.Section(result.Id, [.. content]);
        }

        return page.ToHtml();
    }

    private static string Count(IReadOnlyList<ClaimResult> claims, Verdict verdict) => $"{claims.Count(c => c.Verdict == verdict)}";
}
