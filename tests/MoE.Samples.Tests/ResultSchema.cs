using System.Text.Json;

namespace MoE.Samples.Tests;

/// <summary>Schema 1 of the result file, written down a second time.</summary>
internal static class ResultSchema
{
    private static readonly string[] Verdicts = ["holds", "fails", "inconclusive", "not-run"];

    public static void Check(string json) => Check(JsonDocument.Parse(json).RootElement);

    public static void Check(JsonElement result)
    {
        Assert.Equal(["schema", "id", "paper", "data", "scale", "seconds", "seeds", "ablated", "claims", "controls", "numbers"], Names(result));
        Assert.Equal(1, result.GetProperty("schema").GetInt32());
        foreach (string text in new[] { "id", "paper", "data" }) Assert.Equal(JsonValueKind.String, result.GetProperty(text).ValueKind);
        Assert.Contains(result.GetProperty("scale").GetString(), new[] { "quick", "paper" });
        Assert.True(result.GetProperty("seconds").GetDouble() >= 0);
        Assert.All(result.GetProperty("seeds").EnumerateArray(), static s => s.GetInt64());
        Assert.Contains(result.GetProperty("ablated").ValueKind, new[] { JsonValueKind.Null, JsonValueKind.String });
        Assert.Equal(JsonValueKind.Object, result.GetProperty("numbers").ValueKind);
        Assert.All(result.GetProperty("claims").EnumerateArray().Concat(result.GetProperty("controls").EnumerateArray()), CheckClaim);
    }

    private static void CheckClaim(JsonElement claim)
    {
        Assert.Equal(["id", "statement", "unit", "measured", "low", "high", "bound", "exact", "verdict", "reason"], Names(claim));
        foreach (string number in new[] { "measured", "low", "high" }) CheckNumber(claim.GetProperty(number));
        Assert.NotEqual("", claim.GetProperty("statement").GetString());
        Assert.NotEqual("", claim.GetProperty("reason").GetString());
        Assert.Contains(claim.GetProperty("verdict").GetString(), Verdicts);
        Assert.Contains(claim.GetProperty("exact").ValueKind, new[] { JsonValueKind.True, JsonValueKind.False });
        var bound = claim.GetProperty("bound");
        Assert.Equal(["op", "value"], Names(bound));
        if (bound.GetProperty("op").GetString() == "in") Assert.Equal(2, bound.GetProperty("value").GetArrayLength());
        else CheckNumber(bound.GetProperty("value"));
    }

    private static void CheckNumber(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) Assert.Contains(value.GetString(), new[] { "NaN", "Infinity", "-Infinity" });
        else Assert.Equal(JsonValueKind.Number, value.ValueKind);
    }

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(static p => p.Name);
}
