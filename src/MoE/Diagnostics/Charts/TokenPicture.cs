using System.Globalization;
using System.Xml.Linq;

namespace MoE.Diagnostics;

/// <summary>A text whose tokens lie on the colour of the expert that weighs most, the stronger the more it weighs.</summary>
internal static class TokenPicture
{
    public const int Colours = 8;
    private const int LineLength = 110;
    private const double Letter = 7.7, Line = 19, Legend = 30;

    /// <summary>Draws a text.</summary>
    /// <param name="tokens">T pieces of text; those that end with a line feed end a line.</param>
    /// <param name="weights">[T, E], not negative.</param>
    /// <param name="experts">E names.</param>
    /// <param name="label">What it shows.</param>
    public static XElement Draw(IReadOnlyList<string> tokens, float[,] weights, IReadOnlyList<string> experts, string label)
    {
        var content = new List<object>();
        double x = 0;
        for (int e = 0; e < experts.Count; e++)
        {
            content.Add(Svg.Make("rect", Css(e), ("x", x), ("y", 4.0), ("width", 12.0), ("height", 12.0), ("rx", 2.0)));
            content.Add(Svg.Words(x + 17, 14, experts[e], "tick"));
            x += 17 + 8.0 * experts[e].Length + 22;
        }

        double widest = x;
        int column = 0, line = 0;
        for (int t = 0; t < tokens.Count; t++)
        {
            // A line feed is seen as a sign of its own: it is a token like any other.
            string shown = tokens[t].Replace("\r", "", StringComparison.Ordinal).Replace("\n", "¶", StringComparison.Ordinal).Replace('\t', ' ');
            if (column > 0 && column + shown.Length > LineLength) (column, line) = (0, line + 1);
            int best = 0;
            for (int e = 1; e < experts.Count; e++) best = weights[t, e] > weights[t, best] ? e : best;
            double top = Legend + line * Line, left = column * Letter;
            if (weights[t, best] > 0)
            {
                string tip = string.Join(", ", Enumerable.Range(0, experts.Count).Where(e => weights[t, e] != 0).OrderByDescending(e => weights[t, e]).Take(Colours).Select(e => string.Create(CultureInfo.InvariantCulture, $"{experts[e]} {weights[t, e]:0.##}")));
                content.Add(Svg.Make("rect", Css(best), ("x", left), ("y", top), ("width", shown.Length * Letter), ("height", Line - 2), ("fill-opacity", 0.08 + 0.62 * Math.Min(1, weights[t, best])))
                    .Tip(string.Create(CultureInfo.InvariantCulture, $"token {t}: {tip}")));
            }

            // Letter by letter at its place: the width of a font is the reader's.
            if (!string.IsNullOrWhiteSpace(shown)) content.Add(Svg.Make("text", "mono", ("x", left), ("y", top + 13), ("textLength", shown.Length * Letter), ("lengthAdjust", "spacingAndGlyphs")).With(shown));
            column += shown.Length;
            widest = Math.Max(widest, column * Letter);
            if (tokens[t].EndsWith('\n')) (column, line) = (0, line + 1);
        }

        return Svg.Drawing(Math.Max(widest, 1), Legend + (line + 1) * Line, label, [.. content]);
    }

    private static string Css(int expert) => $"e{expert % Colours}";

    private static XElement With(this XElement element, string words)
    {
        element.Value = words;
        return element;
    }
}
