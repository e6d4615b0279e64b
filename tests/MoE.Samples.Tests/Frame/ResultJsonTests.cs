using System.Text.Json;
using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Frame;

public sealed class ResultJsonTests
{
    private static readonly RunResult Result = new()
    {
        Id = "some",
        Paper = "A & B (2020), <C>",
        Data = "none",
        Scale = Scale.Paper,
        Seconds = 1.5,
        Seeds = [1001, 1002],
        Ablated = null,
        Claims =
        [
            new(new("a", "s", "u", Bound.AtLeast(2)), 3, 2.5, 3.5, Verdict.Holds, "r"),
            new(new("b", "s", "u", Bound.In(0, 1), Exact: true), double.NaN, double.NegativeInfinity, double.PositiveInfinity, Verdict.Fails, "r"),
            new(new("c", "s", "u", Bound.AtMost(2)), double.NaN, double.NaN, double.NaN, Verdict.NotRun, "r"),
        ],
        Controls = [new(new("d", "s", "u", Bound.AtMost(2)), 2, 1, 3, Verdict.Inconclusive, "r")],
        Numbers = new Dictionary<string, object> { ["n"] = double.NaN, ["list"] = new[] { 1.5, double.PositiveInfinity }, ["words"] = "x" },
    };

    [Fact]
    public void It_has_the_fields_of_schema_1()
    {
        string json = ResultJson.Write(Result);
        ResultSchema.Check(json);
        var root = JsonDocument.Parse(json).RootElement;
        Assert.Equal("paper", root.GetProperty("scale").GetString());
        Assert.Equal([1001, 1002], root.GetProperty("seeds").EnumerateArray().Select(static s => s.GetInt64()));
        Assert.Equal(JsonValueKind.Null, root.GetProperty("ablated").ValueKind);
        Assert.Equal("A & B (2020), <C>", root.GetProperty("paper").GetString());
        Assert.Equal(["holds", "fails", "not-run"], root.GetProperty("claims").EnumerateArray().Select(static c => c.GetProperty("verdict").GetString()));
    }

    [Fact]
    public void Bounds_carry_operator_and_value()
    {
        var claims = JsonDocument.Parse(ResultJson.Write(Result)).RootElement.GetProperty("claims");
        Assert.Equal("""{"op":">=","value":2}""", Compact(claims[0].GetProperty("bound")));
        Assert.Equal("""{"op":"in","value":[0,1]}""", Compact(claims[1].GetProperty("bound")));
        Assert.Equal("""{"op":"<=","value":2}""", Compact(claims[2].GetProperty("bound")));
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_strings()
    {
        var root = JsonDocument.Parse(ResultJson.Write(Result)).RootElement;
        var claim = root.GetProperty("claims")[1];
        Assert.Equal(["NaN", "-Infinity", "Infinity"], new[] { "measured", "low", "high" }.Select(n => claim.GetProperty(n).GetString()));
        Assert.Equal("NaN", root.GetProperty("numbers").GetProperty("n").GetString());
        Assert.Equal("Infinity", root.GetProperty("numbers").GetProperty("list")[1].GetString());
    }

    [Fact]
    public void Several_results_are_an_array()
    {
        var root = JsonDocument.Parse(ResultJson.Write([Result, Result])).RootElement;
        Assert.Equal(2, root.GetArrayLength());
        foreach (var result in root.EnumerateArray()) ResultSchema.Check(result);
    }

    [Fact]
    public void Only_an_exact_claim_that_fails_fails_the_run()
    {
        Assert.True(Result.ExactFailed);
        Assert.False((Result with { Claims = [.. Result.Claims.Where(static c => !c.Claim.Exact)] }).ExactFailed);
    }

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element, new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
