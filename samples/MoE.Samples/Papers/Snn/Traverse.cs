using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Snn;

/// <summary>A drive past the same places in one season: real images with made changes of light, position, occlusion and noise.</summary>
/// <param name="Gamma">Exponent on brightness.</param>
/// <param name="Shift">Largest shift in pixels, along each axis.</param>
/// <param name="Occlusion">Side of a square that is covered; 0: none.</param>
/// <param name="Noise">Standard deviation of noise, as a share of a pixel's brightness: black stays black, or the normalisation of patches would make it the loudest part.</param>
public sealed record Traverse(double Gamma, int Shift, int Occlusion, double Noise)
{
    /// <summary>The first reference.</summary>
    public static Traverse Spring { get; } = new(1, 0, 0, 0.05);

    /// <summary>The second reference.</summary>
    public static Traverse Fall { get; } = new(0.6, 1, 0, 0.1);

    /// <summary>The queries.</summary>
    public static Traverse Summer { get; } = new(1.5, 1, 7, 0.1);

    private const int Side = 28, Patch = 7;

    /// <summary>Spike rates of the inputs for a place.</summary>
    /// <param name="images">Where places are from.</param>
    /// <param name="image">Which one.</param>
    /// <param name="draws">Draws the changes.</param>
    /// <returns>[784], in Hz: at most 63.75.</returns>
    public float[] Rates(FashionMnist images, int image, Draws draws)
    {
        var pixels = images.Pixels.AsSpan(image * FashionMnist.Size, FashionMnist.Size);
        int down = draws.Below(2 * Shift + 1) - Shift, right = draws.Below(2 * Shift + 1) - Shift;
        int top = draws.Below(Side - Occlusion + 1), left = draws.Below(Side - Occlusion + 1);
        double[] seen = new double[FashionMnist.Size];
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                int fromY = y - down, fromX = x - right;
                double value = fromY is >= 0 and < Side && fromX is >= 0 and < Side ? 255 * Math.Pow(pixels[fromY * Side + fromX] / 255.0, Gamma) : 0;
                if (y >= top && y < top + Occlusion && x >= left && x < left + Occlusion) value = 0;
                seen[y * Side + x] = Math.Clamp(value * (1 + Noise * draws.Normal()), 0, 255);
            }
        }

        return Normalized(seen);
    }

    /// <summary>Each patch of 7x7 pixels less its mean, over its standard deviation, cut to -1..1 and brought to 0..255; a quarter of that is the rate in Hz. A patch of one value is all in the middle.</summary>
    public static float[] Normalized(ReadOnlySpan<double> pixels)
    {
        float[] rates = new float[Side * Side];
        for (int top = 0; top < Side; top += Patch)
        {
            for (int left = 0; left < Side; left += Patch)
            {
                double sum = 0, squares = 0;
                for (int k = 0; k < Patch * Patch; k++)
                {
                    double value = pixels[(top + k / Patch) * Side + left + k % Patch];
                    sum += value;
                    squares += value * value;
                }

                double mean = sum / (Patch * Patch), deviation = Math.Sqrt(Math.Max(0, squares / (Patch * Patch) - mean * mean));
                for (int k = 0; k < Patch * Patch; k++)
                {
                    int at = (top + k / Patch) * Side + left + k % Patch;
                    double normal = deviation > 1e-9 ? Math.Clamp((pixels[at] - mean) / deviation, -1, 1) : 0;
                    rates[at] = (float)(255 * (normal + 1) / 2 / 4);
                }
            }
        }

        return rates;
    }
}
