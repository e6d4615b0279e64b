using System.Globalization;
using System.Xml.Linq;
using CsCheck;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>The page shows the numbers of the log, whatever the names, and stays of a size that a browser opens.</summary>
public sealed class RoutingReportTests
{
    private const string Nasty = "<script>alert('x')</script> & \u0001 \ud800 ]]>";

    [Fact]
    public void Cells_are_loads_over_the_mean()
    {
        // Expert 0 takes three of four routes of step 0 and one of step 1.
        var page = Page(new RoutingLog([Record("a", 0, [0, 0, 0, 1]), Record("a", 1, [0, 1, 1, 1])]));
        string[] tips = [.. page.Descendants().Where(static e => e.Name.LocalName == "title" && e.Parent!.Name.LocalName == "rect").Select(static e => e.Value)];
        Assert.Equal(["a, 0: 1 of the mean", "a, 1: 1 of the mean", "step 0, 0: 1.5 of the mean", "step 0, 1: 0.5 of the mean", "step 1, 0: 0.5 of the mean", "step 1, 1: 1.5 of the mean", "0, 1: 0 %", "1, 0: 0 %"], tips);
    }

    [Fact]
    public void Co_activation_is_a_share_of_the_row()
    {
        // Expert 0 is there twice, once with 1; expert 1 once.
        var page = Page(new RoutingLog([new RoutingRecord("a", 0, new RaggedRouting(2, [0, 2, 3], [0, 1, 0], [1, 1, 1]), true, [])]));
        string[] tips = [.. page.Descendants().Where(static e => e.Name.LocalName == "title").Select(static e => e.Value)];
        Assert.Contains("0, 1: 50 %", tips);
        Assert.Contains("1, 0: 100 %", tips);
    }

    [Fact]
    public void The_table_has_the_numbers_of_each_layer()
    {
        var plan = ExpertPlan.Build([0, 0, 1, -1], new float[4], 1, 3, new DispatchSpec { Capacity = new CapacitySpec { Fixed = 1 } });
        var page = Page(new RoutingLog([new RoutingRecord("a", 0, new TopKRouting(4, 3, 1, [0, 0, 1, -1], new float[4], plan), true, [0.5f, 0.5f, 0.25f, float.NaN])]));
        Assert.Equal(["a", "3", "3", "33.33 %", "1", "0.816", "0.579", "1 of 3", "0.25", "0.5"], page.Descendants("td").Select(static d => d.Value));
    }

    [Fact]
    public void Names_are_words_and_never_markup()
    {
        var page = Page(new RoutingLog([Record(Nasty, 0, [0, 1])]), Nasty);
        Assert.DoesNotContain(page.Descendants(), static e => e.Name.LocalName == "script");
        Assert.Equal("<script>alert('x')</script> & � � ]]>", page.Descendants("h1").Single().Value);
    }

    [Fact]
    public void Every_drawing_says_what_it_shows()
    {
        var page = Page(new RoutingLog([Record("a", 0, [0, 1]), Record("a", 5, [1, 1])]));
        var drawings = page.Descendants().Where(static e => e.Name.LocalName == "svg").ToList();
        Assert.Equal(5, drawings.Count);
        Assert.All(drawings, static d => Assert.True(d.Attribute("role")?.Value == "img" && d.Attribute("aria-label")?.Value.Length > 5));
        Assert.Contains("prefers-color-scheme: dark", page.Descendants("style").Single().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_logs_give_equal_bytes_in_every_culture()
    {
        var log = new RoutingLog([Record("a", 0, [0, 0, 1]), Record("b", 1, [1, 0, 1])]);
        string first = RoutingReport.ToHtml(log);
        var culture = CultureInfo.CurrentCulture;
        try
        {
            var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            comma.NumberFormat.NumberDecimalSeparator = ",";
            CultureInfo.CurrentCulture = comma;
            Assert.Equal(first, RoutingReport.ToHtml(new RoutingLog(log.Records)));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }

        Assert.DoesNotContain("\r", first, StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|href)=|url\\(", first);
    }

    [Fact]
    public void A_long_log_of_many_experts_stays_small()
    {
        var records = new List<RoutingRecord>();
        for (int layer = 0; layer < 12; layer++)
        {
            for (int step = 0; step < 300; step++) records.Add(new RoutingRecord($"model.layers.{layer}.mlp", step, new TopKRouting(1, 512, 1, [(layer * step) % 512], [1]), true, []));
        }

        string html = RoutingReport.ToHtml(new RoutingLog(records));
        Assert.InRange(html.Length, 100_000, 5_000_000);
        Assert.Contains("The 8 layers with the largest violation, of 12.", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_may_have_other_experts_and_steps()
    {
        var page = Page(new RoutingLog([Record("a", 0, [0, 1]), Record("b", 7, [0, 3], 5), Record("b", 9, [4, 4], 5)]));
        Assert.Equal(2 + 5, page.Descendants("section").First().Descendants().Count(static e => e.Name.LocalName == "rect"));
        Assert.Contains("has 3 experts; the layer's first record has 2", Assert.Throws<ArgumentException>(static () => RoutingReport.ToHtml(new RoutingLog([Record("a", 0, [0]), Record("a", 1, [0], 3)]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_log_lost_is_said()
    {
        var stream = new MemoryStream();
        using (var writer = new RoutingLogWriter(stream, leaveOpen: true)) writer.Append("a", 0, Record("a", 0, [0, 1]).Routing);
        stream.Write([1, 2, 3]);
        stream.Position = 0;
        Assert.Contains("not complete: the file ends inside a record: 3 bytes", RoutingReport.ToHtml(RoutingLog.Read(stream)), StringComparison.Ordinal);
        Assert.Contains("The log holds no routing.", RoutingReport.ToHtml(new RoutingLog([])), StringComparison.Ordinal);
    }

    [Fact]
    public void Any_log_gives_a_page_without_NaN() => RandomRoutings.Any.Array[1, 5].Sample(static routings =>
    {
        var page = Page(new RoutingLog(routings.Select(static (r, i) => new RoutingRecord($"layer {i}", i % 3, r, true, []))));
        Assert.DoesNotContain("NaN", page.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("∞", page.ToString(), StringComparison.Ordinal);
    }, iter: 60);

    private static XDocument Page(RoutingLog log, string title = "t") => XDocument.Parse(RoutingReport.ToHtml(log, title).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));

    private static RoutingRecord Record(string layer, long step, int[] experts, int count = 2) =>
        new(layer, step, new TopKRouting(experts.Length, count, 1, experts, new float[experts.Length]), true, []);
}
