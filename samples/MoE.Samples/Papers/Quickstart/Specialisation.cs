using MoE.Diagnostics;
using MoE.Samples.Digits;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>Which expert took which digit.</summary>
public sealed class Specialisation
{
    private readonly long[,] _routes;

    /// <summary>Counts routes.</summary>
    /// <param name="routing">The routing of some images.</param>
    /// <param name="images">These images.</param>
    public Specialisation(TopKRouting routing, DigitImages images)
    {
        Experts = routing.ExpertCount;
        Balance = 1 + RoutingStatistics.MaxViolation(routing);
        _routes = new long[Experts, DigitImages.Classes];
        MeanImages = new float[Experts * DigitImages.Size];
        var firsts = new int[Experts];
        for (int r = 0; r < routing.RouteCount; r++)
        {
            int expert = routing.ExpertIds[r], image = routing.TokenOf(r);
            _routes[expert, images.Labels[image]]++;
            if (r % routing.Choices != 0) continue;
            firsts[expert]++;
            for (int p = 0; p < DigitImages.Size; p++) MeanImages[expert * DigitImages.Size + p] += images.Pixels[image * DigitImages.Size + p];
        }

        for (int e = 0; e < Experts; e++)
        {
            for (int p = 0; p < DigitImages.Size; p++) MeanImages[e * DigitImages.Size + p] /= Math.Max(1, firsts[e]);
        }
    }

    /// <summary>Number of experts.</summary>
    public int Experts { get; }

    /// <summary>The mean of the images whose first choice was the expert, [experts, 64]; all zero if there are none.</summary>
    public float[] MeanImages { get; }

    /// <summary>The experts, ordered by the digit they are most used for.</summary>
    public IEnumerable<int> ByFavourite => Enumerable.Range(0, Experts).OrderBy(e => Enumerable.Range(0, DigitImages.Classes).MaxBy(d => Share(e, d))).ThenByDescending(Load);

    /// <summary>Routes of an expert.</summary>
    public long Load(int expert) => Enumerable.Range(0, DigitImages.Classes).Sum(d => _routes[expert, d]);

    /// <summary>Routes of a digit.</summary>
    public long Routes(int digit) => Enumerable.Range(0, Experts).Sum(e => _routes[e, digit]);

    /// <summary>The share of a digit's routes that went to an expert, 0..1.</summary>
    public double Share(int expert, int digit) => Routes(digit) == 0 ? 0 : (double)_routes[expert, digit] / Routes(digit);

    /// <summary>Load of the busiest expert over the mean load; 1 when balanced.</summary>
    public double Balance { get; }

    /// <summary>What the chosen expert tells about the digit, in bits; 0 when it tells nothing.</summary>
    public double MutualInformation
    {
        get
        {
            double bits = 0;
            for (int e = 0; e < Experts; e++)
            {
                for (int d = 0; d < DigitImages.Classes; d++)
                {
                    double joint = (double)_routes[e, d] / Total;
                    if (joint > 0) bits += joint * Math.Log2(joint * Total * Total / (Load(e) * (double)Routes(d)));
                }
            }

            return bits;
        }
    }

    private long Total => Enumerable.Range(0, Experts).Sum(Load);
}
