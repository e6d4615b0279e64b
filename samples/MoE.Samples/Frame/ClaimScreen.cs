using Spectre.Console;
using Spectre.Console.Rendering;

namespace MoE.Samples.Frame;

/// <summary>Claims and controls on the console.</summary>
public static class ClaimScreen
{
    /// <summary>A table of all claims and controls with measurement, bound and verdict.</summary>
    public static IRenderable Table(RunResult result)
    {
        var table = new Spectre.Console.Table().Border(TableBorder.None);
        foreach (string column in new[] { "claim", "measured", "bound", "verdict" })
            table.AddColumn(new TableColumn($"[dim]{column}[/]") { NoWrap = column != "claim", Padding = new Padding(0, 0, 2, 0), Alignment = column == "measured" ? Justify.Right : Justify.Left });
        foreach (var claim in result.Claims) Add(table, claim, "");
        foreach (var control in result.Controls) Add(table, control, "control: ");
        return table;
    }

    /// <summary>The verdicts in a line or two.</summary>
    public static IRenderable Verdicts(RunResult result)
    {
        var lines = new List<string> { $"[bold]Claims[/]: {Count(result.Claims)}." };
        if (result.Controls.Count > 0) lines.Add($"[bold]Controls[/]: {Count(result.Controls)}.");
        return new Markup(string.Join(' ', lines) + "\n");
    }

    /// <summary>A value with its interval, in few digits.</summary>
    public static string Measured(ClaimResult claim)
    {
        if (claim.Verdict == Verdict.NotRun) return "-";
        string value = Short(claim.Measured);
        return claim.Claim.Exact || double.IsNaN(claim.Low) ? value : $"{value} [{Short(claim.Low)}, {Short(claim.High)}]";
    }

    // Those that hold are counted, the others named.
    private static string Count(IReadOnlyList<ClaimResult> claims)
    {
        var others = claims.Where(static c => c.Verdict != Verdict.Holds).GroupBy(static c => c.Verdict).OrderBy(static g => g.Key)
            .Select(static g => $"; {Colour(g.Key)}: {Markup.Escape(string.Join(", ", g.Select(static c => c.Claim.Id)))}");
        return $"{claims.Count(static c => c.Verdict == Verdict.Holds)} of {claims.Count} [green]hold[/]{string.Concat(others)}";
    }

    private static string Colour(Verdict verdict)
    {
        string colour = verdict switch { Verdict.Holds => "green", Verdict.Fails => "red", _ => "yellow" };
        return $"[{colour}]{ResultJson.Name(verdict)}[/]";
    }

    private static void Add(Spectre.Console.Table table, ClaimResult claim, string prefix)
    {
        table.AddRow(
            Markup.Escape($"{prefix}{claim.Claim.Statement} ({claim.Claim.Unit})"),
            Markup.Escape(Measured(claim)),
            Markup.Escape(claim.Claim.Bound.ToString()),
            Colour(claim.Verdict));
    }

    private static string Short(double value) => Math.Abs(value) is 0 or (>= 0.01 and < 1e5) ? value.ToString("0.##") : value.ToString("0.#E+0");
}
