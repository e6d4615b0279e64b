using System.Xml.Linq;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>Charts at their edges: nothing, one point, words that are markup, values that are equal.</summary>
public sealed class ChartTests
{
    private const string Nasty = "<b> & \"quotes\" ]]>";

    [Fact]
    public void A_heat_map_of_nothing_has_no_NaN()
    {
        var map = HeatMap.Draw([Nasty], ["a", "b"], new double[1, 2], Nasty);
        Check(map);
        Assert.Contains(map.Descendants(), static e => e.Value == Nasty);
    }

    [Fact]
    public void A_line_of_one_point_is_drawn() => Check(LineChart.Draw([new Line(Nasty, [[1.0], [1.0]])], 1, "epoch", "x"));

    [Fact]
    public void Lines_that_end_together_keep_their_names_apart()
    {
        var chart = LineChart.Draw([new Line("a", [[1.0, 2.0]]), new Line("b", [[1.5, 2.01]])], 0, "epoch", "x");
        Check(chart);
        double[] ys = [.. chart.Descendants().Where(static e => (string?)e.Attribute("class") == "name").Select(static e => (double)e.Attribute("y")!)];
        Assert.True(Math.Abs(ys[0] - ys[1]) >= 14.9);
    }

    [Fact]
    public void A_page_escapes_words_and_keeps_empty_cells_open()
    {
        string html = new HtmlPage(Nasty, Nasty).Tiles((Nasty, "")).Section(Nasty, HtmlPage.Paragraph(Nasty), HtmlPage.Table(["a", "b"], [[Nasty, ""]])).ToHtml();
        var page = XDocument.Parse(html.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.Equal(Nasty, page.Descendants("h1").Single().Value);
        // An HTML parser takes <td /> for an opening tag.
        Assert.Contains("</td></tr>", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("<(td|th|p|div|span|section|figcaption)[^>]*/>", html);
    }

    private static void Check(XElement drawing)
    {
        string text = drawing.ToString();
        Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", text, StringComparison.Ordinal);
        Assert.Equal(text, XElement.Parse(text).ToString());
    }
}
