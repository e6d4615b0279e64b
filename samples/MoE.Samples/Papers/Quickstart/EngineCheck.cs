using System.Diagnostics;
using MoE.Samples.Digits;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The trained layer in libtorch and in the managed engine, on the same images.</summary>
/// <param name="Images">Number of images.</param>
/// <param name="SameExperts">Images that both engines send to the same experts.</param>
/// <param name="ClearlyDifferent">Images with other experts although their margin is above <see cref="ClearMargin"/>.</param>
/// <param name="SmallestMargin">The smallest gap between neighbouring scores down to the first one not chosen.</param>
/// <param name="LargestDifference">Between outputs.</param>
/// <param name="OfTolerance">The largest difference as a fraction of what is tolerated between engines, 1e-5 + 1e-4 |value|.</param>
/// <param name="TorchMicroseconds">Per image, all images at once.</param>
/// <param name="ManagedMicroseconds">Per image, all images at once.</param>
/// <param name="TorchSingle">Microseconds for one image by itself.</param>
/// <param name="ManagedSingle">Microseconds for one image by itself.</param>
public sealed record EngineCheck(
    int Images, int SameExperts, int ClearlyDifferent, double SmallestMargin, double LargestDifference, double OfTolerance,
    double TorchMicroseconds, double ManagedMicroseconds, double TorchSingle, double ManagedSingle)
{
    /// <summary>Below this margin engines may differ: their scores are rounded differently.</summary>
    public const double ClearMargin = 1e-5;

    /// <summary>Runs both on the held-out images.</summary>
    public static EngineCheck Of(MoELayer layer, DigitSplit split)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var images = split.Test;
        var weights = layer.export_weights();
        using var torchEngine = new TorchMoEEngine(layer);
        using var managed = new ManagedMoEEngine(layer.Spec!, weights);

        var trained = layer.route(split.TestImages);
        var left = trained.Routing.Snapshot();
        var right = (TopKRouting)managed.Route(images.Pixels);
        float[] margins = Margins(layer, weights, images.Pixels);
        int same = 0, different = 0, k = left.Choices;
        for (int i = 0; i < images.Count; i++)
        {
            if (left.ExpertIds.Slice(i * k, k).SequenceEqual(right.ExpertIds.Slice(i * k, k))) same++;
            else if (margins[i] > ClearMargin) different++;
        }

        float[] a = trained.Output.data<float>().ToArray(), b = new float[images.Pixels.Length];
        managed.Forward(images.Pixels, b);
        double largest = 0, tolerance = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double difference = Math.Abs((double)a[i] - b[i]);
            largest = Math.Max(largest, difference);
            tolerance = Math.Max(tolerance, difference / (1e-5 + 1e-4 * Math.Abs(b[i])));
        }

        int width = DigitImages.Size;
        return new(images.Count, same, different, margins.Min(), largest, tolerance,
            Time(() => torchEngine.Forward(images.Pixels, a)) / images.Count, Time(() => managed.Forward(images.Pixels, b)) / images.Count,
            Time(() => torchEngine.Forward(images.Pixels.AsSpan(0, width), a.AsSpan(0, width))), Time(() => managed.Forward(images.Pixels.AsSpan(0, width), b.AsSpan(0, width))));
    }

    // Per image: the smallest gap between neighbouring scores, from the best down to the first that was not chosen.
    private static float[] Margins(MoELayer layer, IWeightSource weights, float[] pixels)
    {
        var spec = layer.Spec!.Router;
        float[]? Values(string name) => weights.TryGet(name, out var tensor) ? tensor.ToSingles() : null;
        float[]? bias = Values(WeightNames.SelectionBias);
        var gate = new LinearGate(spec, Values(WeightNames.Router)!, Values(WeightNames.RouterBias), bias);
        var routing = ReferenceRouter.Route(gate.Logits(new GateInput(pixels, DigitImages.Size)), spec, new RouteOptions { KeepScores = true, SelectionBias = bias });
        var margins = new float[routing.TokenCount];
        for (int t = 0; t < margins.Length; t++)
        {
            float[] scores = routing.Scores.Slice(t * spec.Experts, spec.Experts).ToArray();
            for (int e = 0; e < bias?.Length; e++) scores[e] += bias[e];
            Array.Sort(scores, static (x, y) => y.CompareTo(x));
            margins[t] = Enumerable.Range(0, Math.Min(spec.TopK, spec.Experts - 1)).Min(j => scores[j] - scores[j + 1]);
        }

        return margins;
    }

    // Median microseconds of at least five calls and 20 ms.
    private static double Time(Action call)
    {
        call();
        var times = new List<double>();
        for (var watch = Stopwatch.StartNew(); times.Count < 5 || watch.ElapsedMilliseconds < 20;)
        {
            long start = Stopwatch.GetTimestamp();
            call();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        times.Sort();
        return times[times.Count / 2];
    }
}
