using System.Xml.Linq;

namespace MoE.Diagnostics;

/// <summary>A self-contained page: one style sheet inside, no scripts, nothing loaded. It is well-formed XML as well.</summary>
/// <param name="title">Its heading.</param>
/// <param name="lead">A sentence or two below it.</param>
internal sealed class HtmlPage(string title, string lead)
{
    private readonly List<XElement> _body = [];

    /// <summary>Adds a section with a heading.</summary>
    public HtmlPage Section(string heading, params object[] content)
    {
        _body.Add(new XElement("section", new XElement("h2", heading), content));
        return this;
    }

    /// <summary>Adds a row of large numbers, each with what it is.</summary>
    public HtmlPage Tiles(params (string Value, string Name)[] tiles)
    {
        _body.Add(new XElement("div", new XAttribute("class", "tiles"), tiles.Select(static t => new XElement("div", new XElement("b", t.Value), new XElement("span", t.Name)))));
        return this;
    }

    /// <summary>A paragraph.</summary>
    public static XElement Paragraph(string words) => new("p", words);

    /// <summary>A drawing with what it shows below it.</summary>
    public static XElement Figure(XElement drawing, string caption) => new("figure", drawing, new XElement("figcaption", caption));

    /// <summary>Figures side by side where there is room.</summary>
    public static XElement Beside(params XElement[] figures) => new("div", new XAttribute("class", "beside"), figures);

    /// <summary>A table; columns after the first <paramref name="words"/> hold numbers.</summary>
    public static XElement Table(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows, int words = 1)
    {
        XElement Row(string cell, IReadOnlyList<string> values) => new("tr", values.Select((v, i) => i < words ? new XElement(cell, v) : new XElement(cell, new XAttribute("class", "number"), v)));
        return new("div", new XAttribute("class", "scroll"), new XElement("table", new XElement("thead", Row("th", header)), new XElement("tbody", rows.Select(r => Row("td", r)))));
    }

    /// <summary>The file.</summary>
    public string ToHtml()
    {
        using var css = new StreamReader(typeof(HtmlPage).Assembly.GetManifestResourceStream("report.css") ?? throw new InvalidOperationException("report.css is not built in"));
        var page = new XElement("html", new XAttribute("lang", "en"),
            new XElement("head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("title", title),
                new XElement("style", css.ReadToEnd())),
            new XElement("body", new XElement("main", new XElement("h1", title), new XElement("p", new XAttribute("class", "lead"), lead), _body)));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting).ReplaceLineEndings("\n") + "\n";
    }
}
