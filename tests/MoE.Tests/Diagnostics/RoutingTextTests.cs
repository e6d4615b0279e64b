using System.Xml.Linq;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

public sealed class RoutingTextTests
{
    [Fact]
    public void Every_token_lies_on_the_colour_of_the_expert_that_weighs_most()
    {
        string[] tokens = ["if", " (x)", "\n", "O Ro", "meo\u0001 <&>"];
        var first = new DenseRouting(5, 2, 1, [1, 0, 0.75f, 0.25f, 0, 0, 0, 1, 0.25f, 0.75f]);
        var second = new DenseRouting(5, 2, 1, [1, 0, 0.25f, 0.75f, 0, 0, 0.5f, 0.5f, 0.25f, 0.75f]);
        string html = RoutingText.ToHtml(tokens, [new("layers.0", first), new("layers.1", second)], ["code", "plays"], "a <b>");
        Assert.Equal(html, RoutingText.ToHtml(tokens, [new("layers.0", first), new("layers.1", second)], ["code", "plays"], "a <b>"));
        var page = XDocument.Parse(html["<!DOCTYPE html>\n".Length..]);
        XNamespace svg = "http://www.w3.org/2000/svg";
        var picture = page.Descendants(svg + "svg").First();
        string[] tips = [.. picture.Elements(svg + "rect").Select(static r => (Css: (string)r.Attribute("class")!, Tip: r.Value)).Where(static r => r.Tip.Length > 0).Select(static r => $"{r.Css} {r.Tip}")];
        // The mean of both layers; the third token goes to nobody.
        Assert.Equal(["e0 token 0: code 1", "e0 token 1: code 0.5, plays 0.5", "e1 token 3: plays 0.75, code 0.25", "e1 token 4: plays 0.75, code 0.25"], tips);
        Assert.Contains("meo� <&>", picture.Elements(svg + "text").Select(static t => t.Value));
        Assert.Equal("a <b>", page.Descendants("h1").Single().Value);
        // The line feed begins a new line, from the left edge again.
        var lines = picture.Elements(svg + "text").Where(static t => (string)t.Attribute("class")! == "mono").ToDictionary(static t => t.Value, static t => ((double)t.Attribute("x")!, (double)t.Attribute("y")!));
        Assert.Equal(0, lines["O Ro"].Item1);
        Assert.True(lines["O Ro"].Item2 > lines["if"].Item2);
    }

    [Fact]
    public void Routings_of_other_sizes_are_refused_by_name()
    {
        var one = new DenseRouting(1, 2, 1, [1, 0]);
        string message = Assert.Throws<ArgumentException>("layers", () => RoutingText.ToHtml(["a", "b"], [new("x", one), new("y", new DenseRouting(2, 3, 1, new float[6]))], ["p", "q"])).Message;
        Assert.Contains("x (1 tokens, 2 experts), y (2 tokens, 3 experts)", message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("layers", () => RoutingText.ToHtml([], [], ["p"]));
        Assert.Throws<ArgumentException>("experts", () => RoutingText.ToHtml(["a"], [new("x", one)], []));
        Assert.NotEmpty(RoutingText.ToHtml([], [new("x", new DenseRouting(0, 1, 1, []))], ["p"]));
    }

    [Fact]
    public void A_long_text_is_cut_and_says_so()
    {
        int t = 7000;
        string html = RoutingText.ToHtml([.. Enumerable.Repeat("ab ", t)], [new("x", new DenseRouting(t, 1, 1, [.. Enumerable.Repeat(1f, t)]))], ["only"]);
        Assert.Contains("The first 6,000 of 7,000 tokens", html, StringComparison.Ordinal);
        Assert.True(html.Length < 3_000_000, $"{html.Length}");
    }
}
