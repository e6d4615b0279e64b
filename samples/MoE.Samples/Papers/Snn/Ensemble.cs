using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Snn;

/// <summary>What modules answered, and how their answers are put together: no router, the largest score of all places wins.</summary>
/// <param name="Modules">The experts, each with as many places.</param>
/// <param name="References">[module][reference images, neurons]: every module was shown all reference images, first traverse by traverse, then place by place.</param>
/// <param name="Queries">[module][places, neurons].</param>
public sealed record Ensemble(IReadOnlyList<PlaceModule> Modules, IReadOnlyList<float[]> References, IReadOnlyList<float[]> Queries)
{
    /// <summary>Thresholds on hyperactivity that are tried, as in the paper; 0 is off.</summary>
    public static IReadOnlyList<int> Thresholds { get; } = [0, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200];

    private const int Traverses = 2, CalibrationEvery = 6, RandomDraws = 3;

    /// <summary>Accuracies on test places in percent: precision at full recall.</summary>
    /// <param name="Plain">Scores as they are.</param>
    /// <param name="Removed">Without hyperactive neurons, the threshold chosen on calibration places.</param>
    /// <param name="RandomRemoved">Without as many neurons of each module drawn at random.</param>
    /// <param name="Standardized">Each module's scores brought to mean 0 and deviation 1 over the reference images.</param>
    /// <param name="Threshold">The threshold chosen.</param>
    /// <param name="Off">Share of neurons that are off.</param>
    public sealed record Outcome(double Plain, double Removed, double RandomRemoved, double Standardized, int Threshold, double Off);

    /// <summary>Places of each module.</summary>
    private int Each => Modules[0].Places;

    /// <summary>Accuracies of the first modules on their own places.</summary>
    /// <param name="count">How many of the modules, from <paramref name="from"/> on.</param>
    /// <param name="from">The first.</param>
    /// <param name="removes">False: the threshold stays off.</param>
    /// <param name="seed">Draws the neurons of the random removal.</param>
    public Outcome Of(int count, int from, bool removes, long seed)
    {
        int places = count * Each;
        int[] queries = [.. Enumerable.Range(from * Each, places)];
        int[] calibration = [.. queries.Where(static q => q % CalibrationEvery == 0)], test = [.. queries.Where(static q => q % CalibrationEvery != 0)];
        int all = Modules.Count * Each;
        int[] references = [.. Enumerable.Range(0, Traverses).SelectMany(t => queries.Select(q => t * all + q))];
        bool[][] on = [.. Modules.Select(static m => Filled(m.PlaceOf.Length))];
        int[] classes = [.. Enumerable.Repeat(Each, count)];
        var raw = MaxCombination.Raw(classes);

        double Accuracy(bool[][] masks, int[] rows, MaxCombination combination)
        {
            int[] winners = new int[rows.Length];
            combination.Choose(Scores(Queries, rows, masks, from, count), winners);
            return 100.0 * winners.Where((w, i) => w + from * Each == rows[i]).Count() / rows.Length;
        }

        var masks = Thresholds.Where(t => removes || t == 0).Select(t => (Threshold: t, Masks: (bool[][])[.. Enumerable.Range(0, Modules.Count).Select(m => Active(m, references, t))])).ToList();
        // Of equal ones the one that removes least.
        var (threshold, best) = masks.OrderByDescending(m => Accuracy(m.Masks, calibration, raw)).ThenBy(static m => m.Threshold == 0 ? 0 : 1).ThenByDescending(static m => m.Threshold).First();
        var draws = new Draws(seed, 63, count);
        double random = Enumerable.Range(0, RandomDraws).Average(_ => Accuracy([.. best.Select(b => Shuffled(b, draws))], test, raw));
        var standardized = MaxCombination.Standardized(classes, Scores(References, references, on, from, count));
        var own = best.Skip(from).Take(count).SelectMany(static b => b).ToList();
        return new(Accuracy(on, test, raw), Accuracy(best, test, raw), random, Accuracy(on, test, standardized), threshold, own.Count(static b => !b) / (double)own.Count);
    }

    /// <summary>In how many of the reference images of all modules each neuron fired, over all neurons of all modules.</summary>
    public IEnumerable<int> Activity()
    {
        for (int m = 0; m < Modules.Count; m++)
        {
            int neurons = Modules[m].PlaceOf.Length;
            for (int n = 0; n < neurons; n++)
            {
                int active = 0;
                for (int at = n; at < References[m].Length; at += neurons) active += References[m][at] > 0 ? 1 : 0;
                yield return active;
            }
        }
    }

    private bool[] Active(int module, int[] references, int threshold)
    {
        bool[] mask = new bool[Modules[module].PlaceOf.Length];
        UnitMasks.WithoutHyperactive(Rows(References[module], references, mask.Length), threshold, mask);
        return mask;
    }

    private float[] Scores(IReadOnlyList<float[]> responses, int[] rows, bool[][] masks, int from, int count)
    {
        float[] scores = new float[rows.Length * count * Each];
        for (int m = 0; m < count; m++)
        {
            var module = Modules[from + m];
            module.Score(Rows(responses[from + m], rows, module.PlaceOf.Length), masks[from + m], scores, count * Each, m * Each);
        }

        return scores;
    }

    private static float[] Rows(float[] from, int[] rows, int width)
    {
        float[] taken = new float[rows.Length * width];
        for (int i = 0; i < rows.Length; i++) from.AsSpan(rows[i] * width, width).CopyTo(taken.AsSpan(i * width));
        return taken;
    }

    private static bool[] Shuffled(bool[] mask, Draws draws)
    {
        bool[] other = [.. mask];
        draws.Shuffle<bool>(other);
        return other;
    }

    private static bool[] Filled(int count)
    {
        bool[] mask = new bool[count];
        Array.Fill(mask, true);
        return mask;
    }
}
