using System.Globalization;
using System.Xml.Linq;

namespace MoE.Diagnostics;

/// <summary>Curves over steps: the mean over seeds as a line, the range as a band.</summary>
internal static class LineChart
{
    private const double Width = 540, Height = 250, Left = 44, Right = 118, Top = 12, Bottom = 40;

    /// <summary>Draws it.</summary>
    /// <param name="lines">At most three, all of the same length.</param>
    /// <param name="low">Where the vertical axis begins.</param>
    /// <param name="step">What the horizontal axis counts, from 1.</param>
    /// <param name="label">What it shows.</param>
    /// <param name="tick">The word at a point counted from 0, or null: its number from 1.</param>
    public static XElement Draw(IReadOnlyList<Line> lines, double low, string step, string label, Func<int, string>? tick = null)
    {
        int count = lines[0].Count;
        double high = Math.Max(low + 1e-3, lines.Max(l => Enumerable.Range(0, count).Max(l.Most)));
        double X(int i) => Left + (Width - Left - Right) * (count == 1 ? 0.5 : i / (count - 1.0));
        double Y(double v) => Height - Bottom - (Height - Top - Bottom) * (v - low) / (high - low);

        var content = new List<object>();
        foreach (double mark in Svg.Ticks(low, high))
        {
            content.Add(Svg.Make("line", "grid", ("x1", Left), ("x2", Width - Right), ("y1", Y(mark)), ("y2", Y(mark))));
            content.Add(Svg.Words(Left - 8, Y(mark) + 4, Svg.Text(mark), "tick", "end"));
        }

        foreach (double mark in Svg.Ticks(1, count).Where(t => t == Math.Floor(t) && t >= 1))
            content.Add(Svg.Words(X((int)mark - 1), Height - Bottom + 18, tick?.Invoke((int)mark - 1) ?? Svg.Text(mark), "tick", "middle"));
        content.Add(Svg.Words((Left + Width - Right) / 2, Height - 4, step, "note", "middle"));

        double[] ends = Spread([.. lines.Select(l => Y(l.Mean(count - 1)))]);
        for (int s = 0; s < lines.Count; s++)
        {
            var line = lines[s];
            var points = Enumerable.Range(0, count);
            string band = string.Join(' ', points.Select(i => $"{Svg.Text(X(i))},{Svg.Text(Y(line.Most(i)))}").Concat(points.Reverse().Select(i => $"{Svg.Text(X(i))},{Svg.Text(Y(line.Least(i)))}")));
            string mean = string.Join(' ', points.Select(i => $"{Svg.Text(X(i))},{Svg.Text(Y(line.Mean(i)))}"));
            content.Add(Svg.Make("polygon", $"band s{s + 1}", ("points", band)));
            content.Add(Svg.Make("polyline", $"line s{s + 1}", ("points", mean)).Tip(string.Create(CultureInfo.InvariantCulture, $"{line.Name}: {line.Mean(count - 1):0.00} at the end")));
            content.Add(Svg.Make("circle", $"dot s{s + 1}", ("cx", X(count - 1)), ("cy", Y(line.Mean(count - 1))), ("r", 4d)));
            content.Add(Svg.Words(X(count - 1) + 10, ends[s] + 4, $"{line.Name}", "name"));
        }

        return Svg.Drawing(Width, Height, label, [.. content]);
    }

    // Names of lines that end close to each other are moved apart.
    private static double[] Spread(double[] ys)
    {
        const double Apart = 15;
        int[] order = [.. Enumerable.Range(0, ys.Length).OrderBy(i => ys[i])];
        for (int j = 1; j < order.Length; j++)
        {
            double overlap = Apart - (ys[order[j]] - ys[order[j - 1]]);
            if (overlap <= 0) continue;
            ys[order[j - 1]] -= overlap / 2;
            ys[order[j]] += overlap / 2;
        }

        return ys;
    }
}
