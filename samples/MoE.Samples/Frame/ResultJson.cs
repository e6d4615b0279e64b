using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace MoE.Samples.Frame;

/// <summary>The JSON form of results, schema 1. Numbers that are not finite are written as strings.</summary>
public static class ResultJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>One result as an object.</summary>
    public static string Write(RunResult result) => Text(Of(result)) + "\n";

    /// <summary>Several results as an array.</summary>
    public static string Write(IEnumerable<RunResult> results) => Text(new JsonArray([.. results.Select(Of)])) + "\n";

    /// <summary>A verdict's name in the result file.</summary>
    public static string Name(Verdict verdict) => verdict == Verdict.NotRun ? "not-run" : verdict.ToString().ToLowerInvariant();

    internal static string Text(JsonNode node) => node.ToJsonString(Options);

    internal static JsonObject Of(Bound bound) => new()
    {
        ["op"] = bound.Op,
        ["value"] = bound.Op switch
        {
            ">=" => Number(bound.Low),
            "<=" => Number(bound.High),
            _ => new JsonArray(Number(bound.Low), Number(bound.High)),
        },
    };

    private static JsonObject Of(RunResult result) => new()
    {
        ["schema"] = 1,
        ["id"] = result.Id,
        ["paper"] = result.Paper,
        ["data"] = result.Data,
        ["scale"] = result.Scale.ToString().ToLowerInvariant(),
        ["seconds"] = Number(result.Seconds),
        ["seeds"] = new JsonArray([.. result.Seeds.Select(static s => JsonValue.Create(s))]),
        ["ablated"] = result.Ablated,
        ["claims"] = new JsonArray([.. result.Claims.Select(Of)]),
        ["controls"] = new JsonArray([.. result.Controls.Select(Of)]),
        ["numbers"] = JsonSerializer.SerializeToNode(result.Numbers, Options),
    };

    private static JsonObject Of(ClaimResult result) => new()
    {
        ["id"] = result.Claim.Id,
        ["statement"] = result.Claim.Statement,
        ["unit"] = result.Claim.Unit,
        ["measured"] = Number(result.Measured),
        ["low"] = Number(result.Low),
        ["high"] = Number(result.High),
        ["bound"] = Of(result.Claim.Bound),
        ["exact"] = result.Claim.Exact,
        ["verdict"] = Name(result.Verdict),
        ["reason"] = result.Reason,
    };

    private static JsonNode Number(double value) =>
        double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
}
