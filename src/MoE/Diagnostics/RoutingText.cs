using System.Globalization;

namespace MoE.Diagnostics;

/// <summary>Which expert or adapter fired where over a text, as a page: the text on the colours of its experts, their course, and their shares layer by layer. HTML with drawings inside, without scripts; nothing is loaded.</summary>
public static class RoutingText
{
    /// <summary>Makes the page. Equal arguments give equal bytes.</summary>
    /// <param name="tokens">T pieces of text, in order; at most 6,000 are shown.</param>
    /// <param name="layers">Names and routings of all T tokens, at least one; the picture shows the mean over layers.</param>
    /// <param name="experts">Names of the experts, as many as the routings have, at most 64.</param>
    /// <param name="title">Heading.</param>
    /// <exception cref="ArgumentException">There is no layer, a routing has other tokens or experts, or there are too many experts.</exception>
    public static string ToHtml(IReadOnlyList<string> tokens, IReadOnlyList<KeyValuePair<string, Routing>> layers, IReadOnlyList<string> experts, string title = "Experts over a text")
    {
        ArgumentNullException.ThrowIfNull(title);
        var sections = TokenSections.Of(tokens, layers, experts);
        var page = new HtmlPage(TokenSections.Clean(title), string.Create(CultureInfo.InvariantCulture, $"{tokens.Count:N0} tokens, {layers.Count:N0} layers, {experts.Count:N0} experts."));
        foreach (var (heading, content) in sections) page.Section(heading, content);
        return page.ToHtml();
    }
}
