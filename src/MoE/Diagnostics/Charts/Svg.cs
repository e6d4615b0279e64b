using System.Globalization;
using System.Xml.Linq;

namespace MoE.Diagnostics;

/// <summary>Elements of SVG. Colours come from the classes of the page's style sheet, so that charts follow its light and dark themes.</summary>
internal static class Svg
{
    private static readonly XNamespace Space = "http://www.w3.org/2000/svg";

    /// <summary>A drawing that scales with the page up to its own size.</summary>
    /// <param name="width">In pixels.</param>
    /// <param name="height">In pixels.</param>
    /// <param name="label">What it shows, for readers that cannot see it.</param>
    /// <param name="content">Elements.</param>
    public static XElement Drawing(double width, double height, string label, params object[] content) => new(
        Space + "svg", new XAttribute("viewBox", $"0 0 {Text(width)} {Text(height)}"), new XAttribute("style", $"max-width:{Text(width)}px"),
        new XAttribute("role", "img"), new XAttribute("aria-label", label), content);

    /// <summary>An element with attributes; numbers are written with a decimal point.</summary>
    public static XElement Make(string name, string css, params (string Name, object Value)[] attributes)
    {
        var element = new XElement(Space + name, new XAttribute("class", css));
        foreach (var (attribute, value) in attributes) element.SetAttributeValue(attribute, value is double number ? Text(number) : value);
        return element;
    }

    /// <summary>A text; the anchor is start, middle or end.</summary>
    public static XElement Words(double x, double y, string words, string css, string anchor = "start")
    {
        var element = Make("text", css, ("x", x), ("y", y), ("text-anchor", anchor));
        element.Value = words;
        return element;
    }

    /// <summary>Adds what a pointer over the element shows.</summary>
    public static XElement Tip(this XElement element, string words)
    {
        element.AddFirst(new XElement(Space + "title", words));
        return element;
    }

    /// <summary>A number in at most two decimals.</summary>
    public static string Text(double number) => (Math.Round(number, 2) + 0.0).ToString(CultureInfo.InvariantCulture);

    /// <summary>About four round values that span a range.</summary>
    public static IReadOnlyList<double> Ticks(double low, double high)
    {
        if (!(high > low)) return [low];
        double raw = (high - low) / 4, power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        double step = power * (raw / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        var ticks = new List<double>();
        for (double i = Math.Ceiling(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.Add(i * step);
        return ticks;
    }
}
