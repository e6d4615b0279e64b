using System.Globalization;
using System.Text;

namespace MoE.Samples.Frame;

/// <summary>Results as a table: a row per claim and control. Numbers as in the JSON form.</summary>
public static class ResultCsv
{
    /// <summary>The table with its header, lines ending in LF (RFC 4180 otherwise).</summary>
    public static string Write(IEnumerable<RunResult> results)
    {
        var text = new StringBuilder("id,scale,ablated,seeds,kind,claim,statement,unit,measured,low,high,bound_low,bound_high,exact,verdict,reason\n");
        foreach (var result in results)
        {
            foreach (var claim in result.Claims) Row(text, result, "claim", claim);
            foreach (var control in result.Controls) Row(text, result, "control", control);
        }

        return text.ToString();
    }

    private static void Row(StringBuilder text, RunResult result, string kind, ClaimResult claim)
    {
        var (of, measured, low, high, verdict, reason) = claim;
        object[] values =
        [
            result.Id, result.Scale.ToString().ToLowerInvariant(), result.Ablated ?? "", result.Seeds.Count, kind, of.Id, of.Statement, of.Unit,
            measured, low, high, of.Bound.Low, of.Bound.High, of.Exact ? "true" : "false", ResultJson.Name(verdict), reason,
        ];
        text.AppendJoin(',', values.Select(static v => Field(Convert.ToString(v, CultureInfo.InvariantCulture)!))).Append('\n');
    }

    private static string Field(string value) => value.AsSpan().ContainsAny(",\"\r\n") ? $"\"{value.Replace("\"", "\"\"")}\"" : value;
}
