using System.Text.Json;
using System.Xml;
using System.Xml.Linq;

namespace MoE.Samples.Tests.Quickstart;

public sealed class QuickstartTests(TinyRun tiny) : IClassFixture<TinyRun>
{
    [Fact]
    public void The_result_follows_the_schema_and_exact_claims_hold()
    {
        ResultSchema.Check(tiny.Whole);
        foreach (var claim in tiny.Whole.GetProperty("claims").EnumerateArray().Where(static c => c.GetProperty("exact").GetBoolean()))
            Assert.Equal("holds", claim.GetProperty("verdict").GetString());
        Assert.Equal(0, TinyRun.Claim(tiny.Whole, "same-experts").GetProperty("measured").GetDouble());
        Assert.All(tiny.Whole.GetProperty("claims").EnumerateArray(), static c => Assert.NotEqual("not-run", c.GetProperty("verdict").GetString()));
    }

    [Fact]
    public void Every_model_learns()
    {
        foreach (var model in tiny.Whole.GetProperty("numbers").GetProperty("models").EnumerateArray())
            Assert.All(model.GetProperty("accuracy_percent").EnumerateArray(), a => Assert.True(a.GetDouble() > 80, $"{model.GetProperty("name")}: {a} %"));
    }

    [Fact]
    public void Rivals_cost_what_they_say()
    {
        var models = tiny.Whole.GetProperty("numbers").GetProperty("models").EnumerateArray().ToList();
        long Number(int model, string name) => models[model].GetProperty(name).GetInt64();
        // Router 64 x 8, two experts of 64 x 8 and back, head 64 x 10; a product and a sum each.
        Assert.Equal(2 * ((64 * 8) + (2 * 2 * 64 * 8) + (64 * 10)), Number(0, "flops_per_image"));
        Assert.Equal(Number(0, "flops_per_image"), Number(1, "flops_per_image"));
        // Router, eight experts with biases, head with bias.
        Assert.Equal((64 * 8) + (8 * ((2 * 64 * 8) + 8 + 64)) + (65 * 10), Number(0, "parameters"));
        Assert.InRange(Number(2, "parameters") / (double)Number(0, "parameters"), 0.99, 1.01);
    }

    [Fact]
    public void Seeds_are_reproducible()
    {
        var again = tiny.Run("again").Result;
        Assert.Equal(Values(tiny.Whole), Values(again));
        Assert.NotEqual(Values(tiny.Whole), Values(tiny.Run("other", "--seed", "2").Result));
    }

    [Fact]
    public void Without_the_balancing_loss_balance_is_lost()
    {
        var ablated = tiny.Run("balancing", "--ablate", "balancing").Result;
        Assert.Equal("balancing", ablated.GetProperty("ablated").GetString());
        Assert.NotEqual("holds", TinyRun.Verdict(ablated, "balance"));
        Assert.True(Measured(ablated, "balance") > 1.3 * Measured(tiny.Whole, "balance"));
        Assert.Equal(Measured(ablated, "balance"), Measured(tiny.Whole, "unbalanced-without-loss"));
        Assert.Equal("holds", TinyRun.Verdict(ablated, "same-experts"));
    }

    [Fact]
    public void Without_the_router_experts_know_nothing_of_digits()
    {
        var ablated = tiny.Run("routing", "--ablate", "routing").Result;
        Assert.Equal("fails", TinyRun.Verdict(ablated, "specialisation"));
        Assert.NotEqual("holds", TinyRun.Verdict(ablated, "routing-helps"));
        Assert.True(Measured(tiny.Whole, "specialisation") > 5 * Measured(ablated, "specialisation"));
        // The controls do not depend on what is left out.
        foreach (string control in new[] { "unbalanced-without-loss", "random-knows-nothing" }) Assert.Equal(Measured(tiny.Whole, control), Measured(ablated, control));
    }

    [Fact]
    public void The_screen_answers_the_questions_of_a_newcomer()
    {
        foreach (string words in new[] { "1,797 real digits", "MoELayer (8 experts", "596 held-out images", "dense, equal operations", "dense, equal parameters", "Who took which digit", "Busiest expert", "managed engine", "1,192 of 1,192 images", "report.html", "extend-gate" })
            Assert.Contains(words, tiny.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', tiny.Output);
        Assert.InRange(tiny.Output.Split('\n').Length, 30, 55);
    }

    [Fact]
    public void The_report_is_whole_well_formed_and_self_contained()
    {
        Assert.StartsWith("<!DOCTYPE html>", tiny.Report, StringComparison.Ordinal);
        using var reader = XmlReader.Create(new StringReader(tiny.Report), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null });
        var page = XDocument.Load(reader);
        // Accuracy, heat map, mean images, balance, entropy.
        Assert.Equal(5, page.Descendants().Count(static e => e.Name.LocalName == "svg"));
        Assert.Equal(80, page.Descendants().Count(static e => (string?)e.Attribute("class") == "heat"));
        Assert.Equal(4, page.Descendants().Count(static e => e.Name.LocalName == "polyline"));
        Assert.DoesNotContain(page.Descendants(), static e => e.Name.LocalName is "script" or "link" or "img" or "iframe");
        Assert.DoesNotContain(page.Descendants().Attributes(), static a => a.Name.LocalName is "href" or "src");
        Assert.DoesNotContain("url(", tiny.Report, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", tiny.Report, StringComparison.Ordinal);
        Assert.All(page.Descendants("style"), static s => Assert.DoesNotContain('<', s.Value));
        Assert.DoesNotContain("&gt;", tiny.Report[..tiny.Report.IndexOf("</style>", StringComparison.Ordinal)], StringComparison.Ordinal);
        Assert.All(tiny.Whole.GetProperty("claims").EnumerateArray(), c => Assert.Contains(page.Descendants("td"), td => td.Value.StartsWith(c.GetProperty("statement").GetString()!, StringComparison.Ordinal)));
    }

    [Fact]
    public void Shares_of_a_digit_sum_to_one()
    {
        var shares = tiny.Whole.GetProperty("numbers").GetProperty("digit_share_by_expert").EnumerateArray().Select(static e => e.EnumerateArray().Select(static d => d.GetDouble()).ToArray()).ToArray();
        for (int digit = 0; digit < 10; digit++) Assert.Equal(1, shares.Sum(e => e[digit]), 3);
    }

    private static double Measured(JsonElement result, string claim) => TinyRun.Claim(result, claim).GetProperty("measured").GetDouble();

    private static string Values(JsonElement result) => string.Join('\n', new[] { "claims", "controls" }.Select(n => result.GetProperty(n).GetRawText())
        .Concat(result.GetProperty("numbers").EnumerateObject().Where(static n => n.Name != "microseconds_per_image").Select(static n => n.Value.GetRawText())));
}
