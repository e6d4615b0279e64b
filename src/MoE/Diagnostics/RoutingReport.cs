using System.Globalization;
using System.Text;

namespace MoE.Diagnostics;

/// <summary>A routing log as a page: heat maps of the load over layers and over steps, curves of drops and imbalance, co-activation, a table of the layers. HTML with drawings inside, without scripts; nothing is loaded.</summary>
/// <example><code>File.WriteAllText("routing.html", RoutingReport.ToHtml(RoutingLog.Read("run.moelog"), "Run 7"));</code></example>
public static class RoutingReport
{
    // What a page can show without growing with the log.
    private const int MostPoints = 200, MostRows = 32, MostColumns = 64, MostDetails = 8;

    /// <summary>Makes the page. Equal logs give equal bytes; steps are averaged and experts put together where there are more than a page can show.</summary>
    /// <param name="log">Any log; names may hold anything.</param>
    /// <param name="title">Heading.</param>
    public static string ToHtml(RoutingLog log, string title = "Routing")
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(title);
        var layers = log.Layers.Select(name => new LayerHistory(Clean(name), [.. log.Records.Where(r => r.Layer == name)])).ToList();
        var page = new HtmlPage(Clean(title), Lead(log, layers));
        if (layers.Count == 0) return page.ToHtml();

        page.Tiles(
            (Text($"{layers.Sum(static l => l.Summary.Tokens):N0}"), "tokens with an expert, over all layers"),
            (Text($"{100.0 * layers.Sum(static l => l.Summary.Dropped) / Math.Max(1, layers.Sum(static l => l.Summary.Routes)):0.##} %"), "of the routes dropped by a capacity"),
            (Text($"{layers.Max(static l => l.Summary.MaxViolation):0.##}"), "largest violation of a layer: max load over mean load, minus one"),
            (Text($"{layers.Sum(static l => l.Summary.DeadExperts.Count)}"), "experts that no token chose"));
        page.Section("Load over layers", HtmlPage.Figure(LoadMap(layers), "Each expert's load over the mean load of its layer, before drops; 1 is balance."));
        page.Section("Layers", Table(layers));
        if (layers.Any(static l => l.Steps.Count > 1)) AddCurves(page, layers);
        var details = layers.Select(static (layer, i) => (layer, i)).OrderByDescending(static p => p.layer.Summary.MaxViolation).ThenBy(static p => p.i).Take(MostDetails).OrderBy(static p => p.i).Select(static p => p.layer).ToList();
        if (details.Count < layers.Count)
            page.Section("Details", HtmlPage.Paragraph(Text($"The {MostDetails} layers with the largest violation, of {layers.Count}.")));
        foreach (var layer in details) AddDetails(page, layer);
        return page.ToHtml();
    }

    private static string Lead(RoutingLog log, List<LayerHistory> layers)
    {
        string lead = layers.Count == 0 ? "The log holds no routing." : Text($"{log.Records.Count:N0} routings of {layers.Count} layers, steps {log.Records.Min(static r => r.Step)} to {log.Records.Max(static r => r.Step)}.");
        return log.Problem is null ? lead : $"{lead} The log is not complete: {log.Problem}.";
    }

    private static System.Xml.Linq.XElement LoadMap(List<LayerHistory> layers)
    {
        int experts = layers.Max(static l => l.Summary.Experts), columns = Math.Min(experts, MostColumns);
        var values = new double[layers.Count, columns];
        for (int r = 0; r < layers.Count; r++)
        {
            // Of a layer with fewer experts than the widest, the rest of the row stays empty.
            double[] load = LayerHistory.Relative(layers[r].Summary.Load);
            for (int c = 0; c < columns; c++) values[r, c] = Mean(load, Cut(c, columns, experts), Cut(c + 1, columns, experts));
        }

        return Map([.. layers.Select(static l => l.Name)], Names(experts, columns), values, "Load over layers and experts");
    }

    private static System.Xml.Linq.XElement Table(List<LayerHistory> layers) => HtmlPage.Table(
        ["layer", "tokens", "routes", "dropped", "max violation", "load CV", "load entropy / ln E", "dead experts", "margin: 1 %", "median"],
        layers.Select(static l =>
        {
            var s = l.Summary;
            return (IReadOnlyList<string>)
            [
                l.Name, Text($"{s.Tokens:N0}"), Text($"{s.Routes:N0}"), Text($"{100 * s.DropRate:0.##} %"), Text($"{s.MaxViolation:0.###}"), Text($"{s.LoadVariation:0.###}"),
                s.Experts == 1 ? "" : Text($"{s.LoadEntropy / Math.Log(s.Experts):0.###}"), Text($"{s.DeadExperts.Count} of {s.Experts}"),
                s.Margin is { } low ? Text($"{low.P01:g3}") : "", s.Margin is { } middle ? Text($"{middle.Median:g3}") : "",
            ];
        }));

    private static void AddCurves(HtmlPage page, List<LayerHistory> layers)
    {
        long[] steps = [.. layers.SelectMany(static l => l.Steps.Keys).Distinct().Order()];
        int points = Math.Min(steps.Length, MostPoints);
        Line Curve(string name, Func<RoutingSummary, double> value) => new(name, [.. layers.Select(l => l.Curve(steps, points, value))]);
        string Tick(int point) => Text($"{steps[Cut(point, points, steps.Length)]}");
        page.Section("Over steps",
            HtmlPage.Beside(
                HtmlPage.Figure(LineChart.Draw([Curve("violation", static s => s.MaxViolation)], 0, "step", "Largest violation over steps", Tick), "Max load over mean load, minus one, of each routing."),
                HtmlPage.Figure(LineChart.Draw([Curve("dropped %", static s => 100 * s.DropRate)], 0, "step", "Dropped routes over steps", Tick), "Share of the routes that a capacity dropped, in percent.")),
            HtmlPage.Paragraph("Lines are means over layers, bands the range over layers. A layer without a routing at a step keeps its last value."));
    }

    private static void AddDetails(HtmlPage page, LayerHistory layer)
    {
        int experts = layer.Summary.Experts, columns = Math.Min(experts, MostColumns);
        long[] steps = [.. layer.Steps.Keys];
        int rows = Math.Min(steps.Length, MostRows);
        var values = new double[rows, columns];
        for (int r = 0; r < rows; r++)
        {
            double[] load = LayerHistory.Relative(layer.Load(steps[Cut(r, rows, steps.Length)..Cut(r + 1, rows, steps.Length)]));
            for (int c = 0; c < columns; c++) values[r, c] = Mean(load, Cut(c, columns, experts), Cut(c + 1, columns, experts));
        }

        var over = HtmlPage.Figure(
            Map([.. Enumerable.Range(0, rows).Select(r => Text($"step {steps[Cut(r, rows, steps.Length)]}"))], Names(experts, columns), values, $"Load of {layer.Name} over steps and experts"),
            "Each expert's load over the mean load, step by step; 1 is balance.");
        if (layer.Summary.CoActivation is not { } pairs || experts == 1)
        {
            page.Section(layer.Name, over);
            return;
        }

        var together = new double[experts, experts];
        for (int a = 0; a < experts; a++)
        {
            for (int b = 0; b < experts; b++) together[a, b] = a == b || pairs[a, a] == 0 ? double.NaN : (double)pairs[a, b] / pairs[a, a];
        }

        var names = Names(experts, experts);
        page.Section(layer.Name, HtmlPage.Beside(over, HtmlPage.Figure(
            HeatMap.Draw(names, names, together, $"Co-activation of {layer.Name}", 0.01, static v => Text($"{100 * v:0.#} %"), static v => Text($"{100 * v:0}")),
            "Of the tokens of the row's expert, the share that the column's expert saw too, in percent.")));
    }

    private static System.Xml.Linq.XElement Map(string[] rows, string[] columns, double[,] values, string label) =>
        HeatMap.Draw(rows, columns, values, label, 1, static v => Text($"{v:0.##} of the mean"), static v => Text($"{v:0.#}"));

    private static string[] Names(int experts, int columns) => [.. Enumerable.Range(0, columns).Select(c => Text($"{Cut(c, columns, experts)}"))];

    // Where part c of so many parts begins.
    private static int Cut(int part, int parts, int whole) => (int)((long)part * whole / parts);

    private static double Mean(double[] values, int first, int end)
    {
        end = Math.Min(end, values.Length);
        return first >= end ? double.NaN : values.AsSpan(first..end).ToArray().Average();
    }

    // Characters that no XML may hold, not even escaped.
    private static string Clean(string name)
    {
        var text = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
            text.Append(rune.Value is < 0x20 and not ('\t' or '\n') or 0xFFFE or 0xFFFF ? "�" : rune.ToString());
        return text.ToString();
    }

    private static string Text(FormattableString words) => words.ToString(CultureInfo.InvariantCulture);

    /// <summary>The records of one layer, added up whole and step by step.</summary>
    private sealed class LayerHistory
    {
        public LayerHistory(string name, RoutingRecord[] records)
        {
            Name = name;
            int experts = records[0].Routing.ExpertCount;
            if (records.FirstOrDefault(r => r.Routing.ExpertCount != experts) is { } other)
                throw new ArgumentException($"{other.Place} has {other.Routing.ExpertCount} experts; the layer's first record has {experts}");
            var all = new RoutingAccumulator(experts, countPairs: experts <= MostColumns);
            foreach (var group in records.GroupBy(static r => r.Step).OrderBy(static g => g.Key))
            {
                var one = new RoutingAccumulator(experts, countPairs: false);
                foreach (var record in group)
                {
                    all.Add(record);
                    one.Add(record);
                }

                Steps.Add(group.Key, one.Summary());
            }

            Summary = all.Summary();
        }

        public string Name { get; }

        public RoutingSummary Summary { get; }

        public SortedDictionary<long, RoutingSummary> Steps { get; } = [];

        /// <summary>Loads over their mean; zero without routes.</summary>
        public static double[] Relative(IReadOnlyList<long> load)
        {
            double mean = load.Average();
            return [.. load.Select(c => mean == 0 ? 0 : c / mean)];
        }

        public long[] Load(long[] steps)
        {
            var load = new long[Summary.Experts];
            foreach (long step in steps)
            {
                for (int e = 0; e < load.Length; e++) load[e] += Steps[step].Load[e];
            }

            return load;
        }

        /// <summary>A value at so many points of the steps of all layers, averaged between two points.</summary>
        public double[] Curve(long[] steps, int points, Func<RoutingSummary, double> value)
        {
            double last = value(Steps.First().Value);
            double[] full = [.. steps.Select(step => last = Steps.TryGetValue(step, out var at) ? value(at) : last)];
            return [.. Enumerable.Range(0, points).Select(p => Mean(full, Cut(p, points, steps.Length), Cut(p + 1, points, steps.Length)))];
        }
    }
}
