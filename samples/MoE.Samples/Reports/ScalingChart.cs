using System.Globalization;
using System.Xml.Linq;
using MoE.Diagnostics;

namespace MoE.Samples.Reports;

/// <summary>Curves of positive values over positive sizes, both axes logarithmic: a power law is a straight line.</summary>
public static class ScalingChart
{
    private const double Width = 540, Height = 300, Left = 58, Right = 150, Top = 12, Bottom = 42, Apart = 15;

    /// <summary>A curve.</summary>
    /// <param name="Name">What is written at its end.</param>
    /// <param name="Values">One per size; what is not positive is left out.</param>
    public sealed record Curve(string Name, IReadOnlyList<double> Values);

    /// <summary>Draws it.</summary>
    /// <param name="sizes">Ascending.</param>
    /// <param name="curves">At most three in colours of their own; more share them.</param>
    /// <param name="axis">What the horizontal axis counts.</param>
    /// <param name="label">What it shows.</param>
    public static XElement Draw(IReadOnlyList<double> sizes, IReadOnlyList<Curve> curves, string axis, string label)
    {
        double[] all = [.. curves.SelectMany(static c => c.Values).Where(static v => double.IsFinite(v) && v > 0)];
        if (all.Length == 0) all = [1];
        double low = Math.Floor(Math.Log10(all.Min())), high = Math.Max(low + 1, Math.Ceiling(Math.Log10(all.Max())));
        double first = Math.Log10(sizes[0]), last = Math.Log10(sizes[^1]);
        double X(double size) => Left + (Width - Left - Right) * (last > first ? (Math.Log10(size) - first) / (last - first) : 0.5);
        double Y(double value) => Height - Bottom - (Height - Top - Bottom) * (Math.Log10(value) - low) / (high - low);

        var content = new List<object>();
        for (double mark = low; mark <= high; mark += Math.Ceiling((high - low) / 6))
        {
            double y = Y(Math.Pow(10, mark));
            content.Add(Svg.Make("line", "grid", ("x1", Left), ("x2", Width - Right), ("y1", y), ("y2", y)));
            content.Add(Svg.Words(Left - 8, y + 4, Power(mark), "tick", "end"));
        }

        for (double mark = Math.Ceiling(first - 1e-9); mark <= last + 1e-9; mark++) content.Add(Svg.Words(X(Math.Pow(10, mark)), Height - Bottom + 18, Power(mark), "tick", "middle"));
        content.Add(Svg.Words((Left + Width - Right) / 2, Height - 4, axis, "note", "middle"));

        double floor = double.NegativeInfinity;
        var named = curves.Select((curve, i) => (Curve: curve, Series: i % 3 + 1, Points: sizes.Zip(curve.Values).Where(static p => double.IsFinite(p.Second) && p.Second > 0).ToList()))
            .Where(static c => c.Points.Count > 0).OrderBy(c => Y(c.Points[^1].Second));
        foreach (var (curve, series, points) in named)
        {
            content.Add(Svg.Make("polyline", $"line s{series}", ("points", string.Join(' ', points.Select(p => $"{Svg.Text(X(p.First))},{Svg.Text(Y(p.Second))}"))), ("fill", "none")));
            foreach (var (size, value) in points) content.Add(Svg.Make("circle", $"dot s{series}", ("cx", X(size)), ("cy", Y(value)), ("r", 3d)).Tip(string.Create(CultureInfo.InvariantCulture, $"{curve.Name}, {size:0}: {value:0.####}")));
            floor = Math.Max(Y(points[^1].Second) + 4, floor + Apart);
            content.Add(Svg.Words(Width - Right + 10, floor, curve.Name, "name"));
        }

        return Svg.Drawing(Width, Height, label, [.. content]);
    }

    private static string Power(double exponent) => exponent is >= -3 and <= 3 ? Math.Pow(10, exponent).ToString("0.###", CultureInfo.InvariantCulture) : $"1e{exponent.ToString(CultureInfo.InvariantCulture)}";
}
