using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using MoE.Samples.Papers.Snn;

namespace MoE.Samples.Tests.Papers;

public sealed class SnnTests
{
    private static readonly SnnSample.Recipe Tiny = new(Seeds: 2, Modules: 2, Places: 6, Neurons: 12, Epochs: 2, Rivals: 2);

    [Fact]
    public void Without_input_nothing_fires_and_nothing_moves()
    {
        var network = new SpikingNetwork(10, 5, new Draws(1));
        float[] counts = new float[5];
        network.Present(new float[10], learns: true, new Draws(2), counts);
        Assert.All(counts, static c => Assert.Equal(0, c));
        for (int n = 0; n < 5; n++) Assert.Equal(-65, network.Potential(n));
    }

    [Fact]
    public void A_lone_neuron_fires_at_the_rate_of_its_equation()
    {
        // 784 inputs of 63.75 Hz whose weights sum to 78 give a conductance of 63.75 * 78 * 1 ms on average. With it constant, the potential runs from -65 mV to -65 / (1 + g) with time constant 100 / (1 + g) ms,
        // and reaches -52 mV after tau ln((-65 - end) / (-52 - end)); then 5 ms of rest. Noise of the input and steps of 0.5 ms move that by less than a tenth.
        const double g = 63.75 * 78 / 1000, end = -65 / (1 + g);
        double period = 5 + 100 / (1 + g) * Math.Log((-65 - end) / (-52 - end));
        double expected = SpikingNetwork.Shown / period;
        var network = new SpikingNetwork(784, 1, new Draws(3));
        network.Normalize();
        float[] rates = new float[784], counts = new float[1];
        Array.Fill(rates, 63.75f);
        double sum = 0;
        for (int i = 0; i < 10; i++)
        {
            network.Present(rates, learns: false, new Draws(4, i), counts);
            sum += counts[0] / 10;
        }

        Assert.InRange(sum, 0.9 * expected, 1.1 * expected);
    }

    [Fact]
    public void Neurons_silence_each_other()
    {
        float[] rates = new float[784];
        Array.Fill(rates, 40f);
        double Mean(int neurons)
        {
            var network = new SpikingNetwork(784, neurons, new Draws(5));
            network.Normalize();
            float[] counts = new float[neurons];
            network.Present(rates, learns: false, new Draws(6), counts);
            return counts.Average();
        }

        Assert.True(Mean(30) < 0.5 * Mean(1), $"{Mean(30)} of {Mean(1)}");
    }

    [Fact]
    public void Learning_raises_thresholds_spike_by_spike_and_keeps_weights_in_their_range()
    {
        var network = new SpikingNetwork(784, 10, new Draws(7));
        float[] rates = [.. Enumerable.Range(0, 784).Select(static i => i % 2 == 0 ? 60f : 5f)], counts = new float[10];
        network.Normalize();
        for (int n = 0; n < 10; n++) Assert.Equal(SpikingNetwork.ColumnSum, Enumerable.Range(0, 784).Sum(i => (double)network.Weight(i, n)), 1e-3);
        float[] before = [.. Enumerable.Range(0, 784).Select(i => network.Weight(i, 0))];
        network.Present(rates, learns: false, new Draws(8), counts);
        Assert.True(counts.Sum() > 0);
        for (int n = 0; n < 10; n++) Assert.Equal(20, network.Threshold(n));
        Assert.Equal(before, Enumerable.Range(0, 784).Select(i => network.Weight(i, 0)));

        float[] total = new float[10];
        for (int image = 0; image < 10; image++)
        {
            network.Present(rates, learns: true, new Draws(9, image), counts);
            for (int n = 0; n < 10; n++) total[n] += counts[n];
        }

        for (int n = 0; n < 10; n++)
        {
            // 0.05 mV per spike; a spike or two of the rest may come on top of those counted, and ten presentations let 20 mV fall by 0.01.
            Assert.InRange(network.Threshold(n), 20 + 0.05 * total[n] - 0.02, 20 + 0.05 * (total[n] + 20));
            for (int i = 0; i < 784; i++) Assert.InRange(network.Weight(i, n), 0f, 1f);
        }

        // What fires before a neuron does is what it learns: the weights of busy inputs grow more.
        int busiest = Array.IndexOf(total, total.Max());
        network.Normalize();
        Assert.True(Enumerable.Range(0, 784).Where(static i => i % 2 == 0).Sum(i => network.Weight(i, busiest)) > 1.05 * SpikingNetwork.ColumnSum / 2);
    }

    [Fact]
    public void Patches_do_not_see_the_light()
    {
        var draws = new Draws(10);
        double[] pixels = [.. Enumerable.Range(0, 784).Select(_ => 20 + 100 * draws.Uniform())];
        float[] rates = Traverse.Normalized(pixels), brighter = Traverse.Normalized([.. pixels.Select(static p => 30 + 1.7 * p)]);
        for (int i = 0; i < 784; i++)
        {
            Assert.InRange(rates[i], 0f, 63.75f);
            Assert.Equal(rates[i], brighter[i], 1e-4f);
        }

        Assert.All(Traverse.Normalized(new double[784]), static r => Assert.Equal(127.5f / 4, r));
    }

    [Fact]
    public void A_neuron_that_always_fires_wins_for_its_module_until_it_is_taken_out()
    {
        // Two modules of six places with a neuron each that fires for its place alone; the first has one more, named after its first place, that fires loudest for everything.
        const int Places = 6;
        int[] first = [0, 1, 2, 3, 4, 5, 0], second = [0, 1, 2, 3, 4, 5];
        PlaceModule Module(int[] placeOf) => new(Places, placeOf, new SpikingNetwork(1, 1, new Draws(1)));
        float[] Answers(int[] placeOf, int images, int offset, bool loud)
        {
            float[] all = new float[images * placeOf.Length];
            for (int i = 0; i < images; i++)
            {
                for (int n = 0; n < Places; n++) all[i * placeOf.Length + n] = i % 12 == n + offset ? 10 : 0;
                if (loud) all[i * placeOf.Length + Places] = 50;
            }

            return all;
        }

        var ensemble = new Ensemble([Module(first), Module(second)], [Answers(first, 24, 0, true), Answers(second, 24, 6, false)], [Answers(first, 12, 0, true), Answers(second, 12, 6, false)]);
        var outcome = ensemble.Of(2, 0, removes: true, seed: 1);
        // Ten test places, of which none is the loud neuron's.
        Assert.Equal(0, outcome.Plain);
        Assert.Equal(100, outcome.Removed);
        Assert.Equal(1 / 13.0, outcome.Off, 12);
        Assert.Equal(20, outcome.Threshold);
        Assert.Equal(0, ensemble.Of(2, 0, removes: false, seed: 1).Removed);
        Assert.Equal([2, 2, 2, 2, 2, 2, 24, 2, 2, 2, 2, 2, 2], ensemble.Activity());
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        var whole = PaperRun.Of(new SnnSample(Tiny, Images()));
        PaperRun.EverythingMeasured(whole);
        foreach (string exact in new[] { "same-spikes", "column-sums" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        var kept = PaperRun.Of(new SnnSample(Tiny, Images()), "--ablate", "removal");
        foreach (string id in new[] { "removal", "slower-decline" })
        {
            Assert.Equal(0, PaperRun.Measured(kept, id));
            Assert.Equal("fails", PaperRun.Verdict(kept, id));
        }

        Assert.NotEqual("holds", PaperRun.Verdict(PaperRun.Of(new SnnSample(Tiny, Images()), "--ablate", "plasticity"), "learned"));
    }

    private static FashionMnist Images()
    {
        var random = new Random(1);
        var pixels = new byte[40 * FashionMnist.Size];
        random.NextBytes(pixels);
        return new(pixels, [.. Enumerable.Range(0, 40).Select(static i => (byte)(i % 10))]);
    }
}
