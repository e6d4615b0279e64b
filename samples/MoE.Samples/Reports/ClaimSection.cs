using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Frame;

namespace MoE.Samples.Reports;

/// <summary>Claims and controls as a table of a page.</summary>
public static class ClaimSection
{
    /// <summary>The table.</summary>
    public static XElement Of(IEnumerable<ClaimResult> claims) => HtmlPage.Table(
        ["statement", "unit", "measured (95 % interval)", "bound", "verdict"],
        claims.Select(static c => (IReadOnlyList<string>)[c.Claim.Statement + (c.Claim.Exact ? " (exact)" : ""), c.Claim.Unit, ClaimScreen.Measured(c), c.Claim.Bound.ToString(), ResultJson.Name(c.Verdict)]),
        words: 2);
}
