using System.Globalization;

namespace MoE.Diagnostics;

/// <summary>Sections of a page about which expert fired where over a text.</summary>
internal static class TokenSections
{
    // What a page can show without growing with the text.
    private const int MostTokens = 6000, MostBins = 120, MostLayers = 64, MostExperts = 64;

    /// <summary>The parts of the page, for pages that hold more.</summary>
    public static IReadOnlyList<(string Heading, object[] Content)> Of(IReadOnlyList<string> tokens, IReadOnlyList<KeyValuePair<string, Routing>> layers, IReadOnlyList<string> experts)
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
    public static string Clean(string text) => string.Concat(text.EnumerateRunes().Select(static r => r.Value is < 0x20 and not ('\t' or '\n' or '\r') or 0xFFFE or 0xFFFF ? "�" : r.ToString()));
}
