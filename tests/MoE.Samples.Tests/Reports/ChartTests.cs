using System.Xml.Linq;
using MoE.Samples.Reports;

namespace MoE.Samples.Tests.Reports;

/// <summary>Charts at their edges: nothing, one point, words that are markup, values that are equal.</summary>
public sealed class ChartTests
{
    private const string Nasty = "<b> & \"quotes\" ]]>";

    [Fact]
    public void Intervals_of_one_seed_and_of_equal_values_are_drawn()
    {
        Check(IntervalChart.Draw([("one", [5.0])], "axis", "x"));
        Check(IntervalChart.Draw([("equal", [5.0, 5.0]), ("other", [5.0, 5.0])], "axis", "x"));
    }

    [Fact]
    public void Every_pixel_is_inside_its_drawing()
    {
        var grid = PixelGrid.Draw([.. Enumerable.Range(0, 5).Select(static i => ($"{i}", Nasty))], new float[5 * 4].Select(static (_, i) => i % 4 / 3f).ToArray(), 2, "x");
        Check(grid);
        double[] box = [.. ((string)grid.Attribute("viewBox")!).Split(' ').Select(double.Parse)];
        foreach (var ink in grid.Descendants().Where(static e => (string?)e.Attribute("class") == "ink"))
            Assert.True((double)ink.Attribute("x")! + (double)ink.Attribute("width")! <= box[2] && (double)ink.Attribute("y")! + (double)ink.Attribute("height")! <= box[3]);
    }

    private static void Check(XElement drawing)
    {
        string text = drawing.ToString();
        Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", text, StringComparison.Ordinal);
        Assert.Equal(text, XElement.Parse(text).ToString());
    }
}
