using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Snn;

/// <summary>An expert: a network that learned some places, and which of them each of its neurons stands for.</summary>
/// <param name="Places">Number of its places.</param>
/// <param name="PlaceOf">[neurons]: the place with the most spikes per image in the last pass; -1 for a neuron that never fired.</param>
/// <param name="Network">The network, from now on only shown images.</param>
public sealed record PlaceModule(int Places, int[] PlaceOf, SpikingNetwork Network)
{
    /// <summary>Trains one.</summary>
    /// <param name="rates">[traverse][place] of the images to learn from.</param>
    /// <param name="neurons">Number of excitatory neurons.</param>
    /// <param name="epochs">Passes; places are in random order.</param>
    /// <param name="learns">Off: the weights stay random, everything else is the same.</param>
    /// <param name="seed">Draws weights, order and trains.</param>
    /// <param name="number">Tells modules of a seed apart.</param>
    /// <param name="stop">Called before each image; may throw.</param>
    public static PlaceModule Train(IReadOnlyList<float[][]> rates, int neurons, int epochs, bool learns, long seed, int number, Action stop)
    {
        int places = rates[0].Length;
        var network = new SpikingNetwork(rates[0][0].Length, neurons, new Draws(seed, 61, number));
        var draws = new Draws(seed, 62, number);
        float[] counts = new float[neurons];
        float[] sums = new float[neurons * places];
        int[] order = [.. Enumerable.Range(0, places * rates.Count)];
        network.Normalize();
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            draws.Shuffle<int>(order);
            foreach (int image in order)
            {
                stop();
                if (learns) network.Normalize();
                network.Present(rates[image / places][image % places], learns, draws, counts);
                if (epoch < epochs - 1) continue;
                for (int n = 0; n < neurons; n++) sums[n * places + image % places] += counts[n];
            }
        }

        int[] placeOf = [.. Enumerable.Range(0, neurons).Select(n => Best(sums.AsSpan(n * places, places)))];
        return new(places, placeOf, network);
    }

    /// <summary>Spike counts for images, [images, neurons].</summary>
    /// <param name="images">Rates of each.</param>
    /// <param name="draws">Draws the trains.</param>
    /// <param name="stop">Called before each image; may throw.</param>
    public float[] Responses(IReadOnlyList<float[]> images, Draws draws, Action stop)
    {
        int neurons = PlaceOf.Length;
        float[] all = new float[images.Count * neurons];
        for (int i = 0; i < images.Count; i++)
        {
            stop();
            Network.Present(images[i], learns: false, draws, all.AsSpan(i * neurons, neurons));
        }

        return all;
    }

    /// <summary>The score of each place: the mean spikes of its neurons. Neurons that are off count with zero spikes, as released.</summary>
    /// <param name="responses">[images, neurons].</param>
    /// <param name="on">[neurons].</param>
    /// <param name="scores">[images, width], of which this module's places are written.</param>
    /// <param name="width">Places of all modules.</param>
    /// <param name="first">Its first place among them.</param>
    public void Score(ReadOnlySpan<float> responses, ReadOnlySpan<bool> on, Span<float> scores, int width, int first)
    {
        int neurons = PlaceOf.Length;
        int[] members = new int[Places];
        foreach (int place in PlaceOf)
        {
            if (place >= 0) members[place]++;
        }

        for (int i = 0; i < responses.Length / neurons; i++)
        {
            var own = scores.Slice(i * width + first, Places);
            own.Clear();
            for (int n = 0; n < neurons; n++)
            {
                if (PlaceOf[n] >= 0 && on[n]) own[PlaceOf[n]] += responses[i * neurons + n];
            }

            for (int p = 0; p < Places; p++)
            {
                if (members[p] > 0) own[p] /= members[p];
            }
        }
    }

    private static int Best(ReadOnlySpan<float> sums)
    {
        int best = -1;
        float most = 0;
        for (int p = 0; p < sums.Length; p++)
        {
            if (sums[p] > most) (most, best) = (sums[p], p);
        }

        return best;
    }
}
