using System.Xml.Linq;
using MoE.Diagnostics;

namespace MoE.Samples.Reports;

/// <summary>Small square grey images, four in a row, each with a caption.</summary>
public static class PixelGrid
{
    private const double Pixel = 12, Gap = 26, Caption = 52;
    private const int Columns = 4;

    /// <summary>Draws them.</summary>
    /// <param name="captions">Two short lines per image.</param>
    /// <param name="pixels">[images, size * size], each 0 (paper) to 1 (ink).</param>
    /// <param name="size">Pixels per side.</param>
    /// <param name="label">What it shows.</param>
    public static XElement Draw(IReadOnlyList<(string First, string Second)> captions, ReadOnlySpan<float> pixels, int size, string label)
    {
        double side = size * Pixel;
        var content = new List<object>();
        for (int i = 0; i < captions.Count; i++)
        {
            double left = i % Columns * (side + Gap), top = i / Columns * (side + Caption);
            content.Add(Svg.Make("rect", "paper", ("x", left), ("y", top), ("width", side), ("height", side), ("rx", 3)));
            for (int p = 0; p < size * size; p++)
            {
                double ink = pixels[i * size * size + p];
                if (ink > 0.02) content.Add(Svg.Make("rect", "ink", ("x", left + p % size * Pixel), ("y", top + p / size * Pixel), ("width", Pixel), ("height", Pixel), ("fill-opacity", ink)));
            }

            content.Add(Svg.Words(left + side / 2, top + side + 17, captions[i].First, "tick", "middle"));
            content.Add(Svg.Words(left + side / 2, top + side + 33, captions[i].Second, "note", "middle"));
        }

        return Svg.Drawing(Math.Min(Columns, captions.Count) * (side + Gap) - Gap, (captions.Count + Columns - 1) / Columns * (side + Caption), label, [.. content]);
    }
}
