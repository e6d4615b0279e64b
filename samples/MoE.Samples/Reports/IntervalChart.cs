using System.Xml.Linq;
using MoE.Diagnostics;
using MoE.Samples.Frame;

namespace MoE.Samples.Reports;

/// <summary>One row per contender: a dot per seed, the mean and its 95 % interval.</summary>
public static class IntervalChart
{
    private const double Width = 860, Left = 215, Right = 24, Row = 40, Top = 6, Bottom = 40;

    /// <summary>Draws it.</summary>
    /// <param name="rows">Name and value per seed; the first row is the one in question.</param>
    /// <param name="axis">What the horizontal axis shows.</param>
    /// <param name="label">What it shows.</param>
    public static XElement Draw(IReadOnlyList<(string Name, IReadOnlyList<double> Values)> rows, string axis, string label)
    {
        var intervals = rows.Select(static r => Interval.Over(r.Values)).ToList();
        double low = rows.SelectMany(static r => r.Values).Concat(intervals.Select(static i => i.Low)).Where(double.IsFinite).Min();
        double high = rows.SelectMany(static r => r.Values).Concat(intervals.Select(static i => i.High)).Where(double.IsFinite).Max();
        double margin = Math.Max(0.05 * (high - low), 0.05);
        (low, high) = (low - margin, high + margin);
        double X(double v) => Left + (Width - Left - Right) * (v - low) / (high - low);
        double bottom = Top + rows.Count * Row;

        var content = new List<object>();
        foreach (double tick in Svg.Ticks(low, high))
        {
            content.Add(Svg.Make("line", "grid", ("x1", X(tick)), ("x2", X(tick)), ("y1", Top), ("y2", bottom)));
            content.Add(Svg.Words(X(tick), bottom + 17, Svg.Text(tick), "tick", "middle"));
        }

        content.Add(Svg.Words((Left + Width - Right) / 2, bottom + Bottom - 6, axis, "note", "middle"));
        for (int r = 0; r < rows.Count; r++)
        {
            double y = Top + (r + 0.5) * Row;
            var interval = intervals[r];
            string series = r == 0 ? "s1" : "s0";
            content.Add(Svg.Words(Left - 14, y + 4, rows[r].Name, r == 0 ? "name first" : "name", "end"));
            foreach (double value in rows[r].Values) content.Add(Svg.Make("circle", $"seed {series}", ("cx", X(value)), ("cy", y - 9), ("r", 3d)).Tip($"{value:0.00}"));
            bool spread = double.IsFinite(interval.Low);
            if (spread) content.Add(Svg.Make("line", $"line {series}", ("x1", X(interval.Low)), ("x2", X(interval.High)), ("y1", y + 5), ("y2", y + 5)));
            content.Add(Svg.Make("circle", $"dot {series}", ("cx", X(interval.Mean)), ("cy", y + 5), ("r", 5d)).Tip(spread ? $"mean {interval.Mean:0.00} [{interval.Low:0.00}, {interval.High:0.00}]" : $"{interval.Mean:0.00}"));
        }

        return Svg.Drawing(Width, bottom + Bottom, label, [.. content]);
    }
}
