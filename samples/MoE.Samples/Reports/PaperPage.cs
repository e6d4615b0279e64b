using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Frame;

namespace MoE.Samples.Reports;

/// <summary>The page of a paper: what was run, its charts, claims and controls, and how it was run.</summary>
public static class PaperPage
{
    /// <summary>A page without charts.</summary>
    public static string Of(RunResult result) => Of(result, $"{result.Paper}. {result.Data}.", []);

    /// <summary>A page with sections of its own before the claims.</summary>
    /// <param name="result">The result.</param>
    /// <param name="lead">What was run, in a few sentences.</param>
    /// <param name="sections">Heading and content of each.</param>
    public static string Of(RunResult result, string lead, IEnumerable<(string Heading, object[] Content)> sections)
    {
        string ablated = result.Ablated is null ? "" : $" This run leaves out \"{result.Ablated}\": the claims that rest on it should not hold.";
        var page = new HtmlPage($"Reproduction: {(result.Paper.Length > 0 ? result.Paper : result.Id)}", lead + ablated)
            .Tiles([.. Enum.GetValues<Verdict>().Select(v => (Count: result.Claims.Count(c => c.Verdict == v), Verdict: v)).Where(static t => t.Count > 0 || t.Verdict == Verdict.Holds)
                .Select(t => ($"{t.Count}", $"of {result.Claims.Count} claims: {ResultJson.Name(t.Verdict)}"))]);
        foreach (var (heading, content) in sections) page.Section(heading, content);
        page.Section("Claims", ClaimSection.Of(result.Claims));
        if (result.Controls.Count > 0) page.Section("Controls", ClaimSection.Of(result.Controls), HtmlPage.Paragraph("A control holds if it behaved as predicted; one that does not takes the ground from the claims."));
        return page.Section("How it was run", HtmlPage.Table(["setting", "value"],
        [
            ["scale", result.Scale.ToString().ToLowerInvariant()],
            ["seeds", string.Join(", ", result.Seeds)],
            ["data", result.Data],
            ["running time", $"{result.Seconds:0} s"],
            ["date, machine", $"{result.Numbers.GetValueOrDefault("date")}, {result.Numbers.GetValueOrDefault("machine")}"],
        ], words: 2)).ToHtml();
    }

    /// <summary>A chart with a caption.</summary>
    public static XElement Figure(XElement drawing, string caption) => HtmlPage.Figure(drawing, caption);
}
