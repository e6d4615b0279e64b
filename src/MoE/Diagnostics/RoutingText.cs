using System.Globalization;
using System.Xml.Linq;

namespace MoE.Diagnostics;

/// <summary>Which expert or adapter fired where over a text, as a page: the text on the colours of its experts, their course, and their shares layer by layer. HTML with drawings inside, without scripts; nothing is loaded.</summary>
public static class RoutingText
{
    // What a page can show without growing with the text.
    private const int MostTokens = 6000, MostBins = 120, MostLayers = 64, MostExperts = 64;

    /// <summary>Makes the page. Equal arguments give equal bytes.</summary>
    /// <param name="tokens">T pieces of text, in order; at most 6,000 are shown.</param>
    /// <param name="layers">Names and routings of all T tokens, at least one; the picture shows the mean over layers.</param>
    /// <param name="experts">Names of the experts, as many as the routings have, at most 64.</param>
    /// <param name="title">Heading.</param>
    /// <exception cref="ArgumentException">There is no layer, a routing has other tokens or experts, or there are too many experts.</exception>
    public static string ToHtml(IReadOnlyList<string> tokens, IReadOnlyList<KeyValuePair<string, Routing>> layers, IReadOnlyList<string> experts, string title = "Experts over a text")
    {
        ArgumentNullException.ThrowIfNull(title);
        var sections = Sections(tokens, layers, experts);
        var page = new HtmlPage(Clean(title), string.Create(CultureInfo.InvariantCulture, $"{tokens.Count:N0} tokens, {layers.Count:N0} layers, {experts.Count:N0} experts."));
        foreach (var (heading, content) in sections) page.Section(heading, content);
        return page.ToHtml();
    }

    /// <summary>The parts of the page, for pages that hold more.</summary>
    internal static IReadOnlyList<(string Heading, object[] Content)> Sections(IReadOnlyList<string> tokens, IReadOnlyList<KeyValuePair<string, Routing>> layers, IReadOnlyList<string> experts)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(experts);
        if (layers.Count == 0) throw new ArgumentException("layers is empty; must hold at least one", nameof(layers));
        if (experts.Count is 0 or > MostExperts) throw new ArgumentException($"experts has {experts.Count} names; must have 1..{MostExperts}", nameof(experts));
        string[] wrong = [.. layers.Where(l => l.Value is null || l.Value.TokenCount != tokens.Count || l.Value.ExpertCount != experts.Count).Select(static l => $"{l.Key} ({(l.Value is null ? "null" : $"{l.Value.TokenCount} tokens, {l.Value.ExpertCount} experts")})")];
        if (wrong.Length > 0) throw new ArgumentException($"layers {string.Join(", ", wrong)}: must have {tokens.Count} tokens and {experts.Count} experts", nameof(layers));
        if (tokens.Count == 0) return [];
        int shown = Math.Min(tokens.Count, MostTokens), n = experts.Count;
        string[] names = [.. experts.Select(Clean)];
        var mean = new float[tokens.Count, n];
        var shares = new double[Math.Min(layers.Count, MostLayers), n];
        for (int l = 0; l < layers.Count; l++)
        {
            float[] dense = layers[l].Value.ToDenseWeights();
            for (int i = 0; i < dense.Length; i++)
            {
                mean[i / n, i % n] += dense[i] / layers.Count;
                if (l < MostLayers) shares[l, i % n] += Math.Max(0, dense[i]) / tokens.Count;
            }
        }

        int bins = Math.Min(shown, MostBins);
        var course = new double[n, bins];
        for (int b = 0; b < bins; b++)
        {
            int from = (int)((long)b * shown / bins), to = (int)((long)(b + 1) * shown / bins);
            for (int t = from; t < to; t++)
            {
                for (int e = 0; e < n; e++) course[e, b] += Math.Max(0, mean[t, e]) / (to - from);
            }
        }

        string rest = shown < tokens.Count ? string.Create(CultureInfo.InvariantCulture, $" The first {shown:N0} of {tokens.Count:N0} tokens.") : "";
        return
        [
            ("The text", [HtmlPage.Figure(TokenPicture.Draw([.. tokens.Take(shown).Select(Clean)], mean, names, "Which expert weighs most for each token"), $"Each token on the colour of the expert that weighs most, the stronger the more; the mean over layers. A pointer over a token shows the weights.{rest}")]),
            ("Course", [HtmlPage.Figure(HeatMap.Draw(names, [.. Enumerable.Range(0, bins).Select(b => ((long)b * shown / bins).ToString(CultureInfo.InvariantCulture))], course, "Weights over the text", 0.01, Percent, static v => string.Create(CultureInfo.InvariantCulture, $"{100 * v:0}")), "Mean weight of each expert along the text; the numbers are tokens.")]),
            ("Layers", [HtmlPage.Figure(HeatMap.Draw([.. layers.Take(MostLayers).Select(static l => Clean(l.Key))], names, shares, "Weights by layer", 0.01, Percent, static v => string.Create(CultureInfo.InvariantCulture, $"{100 * v:0}")), "Mean weight of each expert in each layer, in percent.")]),
        ];
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.#} %");

    // Characters that no XML may hold, not even escaped.
    private static string Clean(string text) => string.Concat(text.EnumerateRunes().Select(static r => r.Value is < 0x20 and not ('\t' or '\n' or '\r') or 0xFFFE or 0xFFFF ? "�" : r.ToString()));
}
