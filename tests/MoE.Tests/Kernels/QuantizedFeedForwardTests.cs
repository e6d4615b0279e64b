using System.Runtime.InteropServices;
using CsCheck;
using MoE.Tests.Reference;

namespace MoE.Tests.Kernels;

/// <summary>Layers with packed weights of few bits.</summary>
public sealed unsafe class QuantizedFeedForwardTests
{
    private static readonly ExpertPrecision[] s_precisions =
    [
        new(WeightFormat.BFloat16), new(WeightFormat.Int8PerRow), new(WeightFormat.Int8PerBlock), new(WeightFormat.Int4PerBlock),
        new(WeightFormat.Int8PerRow, ActivationFormat.Int8), new(WeightFormat.Int8PerBlock, ActivationFormat.Int8), new(WeightFormat.Int4PerBlock, ActivationFormat.Int8),
        new(WeightFormat.Int4PerBlockAsymmetric), new(WeightFormat.Int4PerBlockAsymmetric, ActivationFormat.Int8),
    ];

    public static TheoryData<int> Precisions => [.. Enumerable.Range(0, s_precisions.Length)];

    internal static ExpertPrecision Precision(int number) => s_precisions[number];

    [Theory, MemberData(nameof(Precisions))]
    public void It_is_the_layer_of_the_weights_that_are_held(int number)
    {
        var precision = s_precisions[number];
        int seed = 0;
        foreach (int d in new[] { 1, 13, 31, 33, 100 })
        {
            foreach (int f in new[] { 1, 7, 32, 65, 130 })
            {
                var spec = LayerProfiles.Mixtral(d, f, 4, 2) with { Expert = new ExpertSpec { Width = f, Form = seed % 3 == 0 ? ExpertForm.FeedForward : ExpertForm.Glu, Activation = seed % 2 == 0 ? Activation.Silu : Activation.Gelu, Biases = seed % 4 < 2 } };
                foreach (int tokens in new[] { 1, 5, 40 }) Agrees(spec, tokens, precision, ++seed, MoEFeedForward.DefaultPath);
            }
        }

        foreach (var spec in new[] { LayerProfiles.Llama4(40, 24, 3), LayerProfiles.Qwen2Moe(40, 24, 50, 6, 3) }) Agrees(spec, 9, precision, ++seed, MoEFeedForward.DefaultPath);
    }

    [Fact]
    public void One_token_of_three_hidden_numbers_agrees() => IsWithinItsTerms(LayerProfiles.Mixtral(75, 3, 16, 4), 1, new ExpertPrecision(WeightFormat.Int4PerBlock), 855761855, MoEFeedForward.DefaultPath);

    [Fact]
    public void One_hidden_number_agrees() => IsWithinItsTerms(LayerProfiles.Mixtral(80, 1, 4, 2), 5, new ExpertPrecision(WeightFormat.Int4PerBlock, ActivationFormat.Int8), 9293, KernelPath.Vector128);

    [Theory, MemberData(nameof(Precisions))]
    public void Random_layers_agree_on_every_path(int number)
    {
        var size = Gen.Int[1, 90];
        Gen.Select(size, size, Gen.Int[1, 40], Gen.Int[0, 3], Gen.Int[0, 10000]).Sample((d, f, tokens, path, seed) =>
            IsWithinItsTerms(LayerProfiles.Mixtral(d, f, 4, 2), tokens, s_precisions[number], seed, (KernelPath)Math.Min(path, (int)MoEFeedForward.DefaultPath)), iter: 40);
    }

    [Theory, MemberData(nameof(Precisions))]
    public void Threads_and_slices_change_no_bit(int number)
    {
        const int tokens = 600, d = 70;
        var spec = LayerProfiles.Mixtral(d, 90, 5, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(tokens * d, 5);
        using var layer = new MoEFeedForward(spec, weights, s_precisions[number]);
        float[] whole = Run(layer, x, Route(spec, weights, x), 1);
        foreach (int threads in new[] { 2, 3, 8 }) Assert.Equal(whole, Run(layer, x, Route(spec, weights, x), threads));
        foreach (int slice in new[] { 1, 7, 15, 16, 33, 512 })
        {
            for (int from = 0; from < tokens; from += slice)
            {
                float[] part = x[(from * d)..(Math.Min(from + slice, tokens) * d)];
                Assert.Equal(whole[(from * d)..(from * d + part.Length)], Run(layer, part, Route(spec, weights, part), 2));
            }
        }
    }

    [Theory, MemberData(nameof(Precisions))]
    public void A_call_allocates_nothing(int number)
    {
        var spec = LayerProfiles.Mixtral(64, 48, 8, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(100 * 64, 5), y = new float[x.Length];
        using var layer = new MoEFeedForward(spec, weights, s_precisions[number]);
        using var workspace = new MoEWorkspace(2);
        var routing = Route(spec, weights, x);
        for (int i = 0; i < 3; i++) layer.Forward(x, routing, y, workspace);
        Assert.Equal(0, Allocation.OfTenCalls(() => layer.Forward(x, routing, y, workspace)));
    }

    // Rounding to n steps of a block's largest of 32 normal numbers (2.1 standard deviations in the mean) has the relative error 2.1 / (n sqrt(12)); a row's largest of 1024 is 3.3.
    [Theory]
    [InlineData(WeightFormat.BFloat16, 0.0012, 0.002)]
    [InlineData(WeightFormat.Int8PerRow, 0.006, 0.009)]
    [InlineData(WeightFormat.Int8PerBlock, 0.004, 0.0055)]
    [InlineData(WeightFormat.Int4PerBlock, 0.06, 0.09)]
    [InlineData(WeightFormat.Int4PerBlockAsymmetric, 0.05, 0.08)]
    public void Errors_of_normal_weights_are_what_their_steps_say(WeightFormat format, double least, double most)
    {
        var spec = LayerProfiles.Mixtral(1024, 64, 2, 1);
        using var layer = new MoEFeedForward(spec, LayerOracle.RandomWeights(spec, 3), new ExpertPrecision(format));
        Assert.Equal(2, layer.Errors.Count);
        Assert.All(layer.Errors, e =>
        {
            Assert.InRange(e.Relative, least, most);
            Assert.InRange(e.WorstRow, e.Relative, 2 * most);
        });
        double bytes = layer.PackedBytes / (3.0 * 2 * 1024 * 64);
        Assert.InRange(bytes, layer.Precision.BytesPerWeight, 1.06 * layer.Precision.BytesPerWeight);
    }

    [Fact]
    public void Weights_without_numbers_have_no_NaN()
    {
        var spec = LayerProfiles.Mixtral(40, 40, 2, 1);
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, new float[shape.Aggregate(1, static (a, b) => a * b)], shape);
        float[] x = Draw.Normal(5 * 40, 1);
        foreach (var precision in s_precisions)
        {
            using var layer = new MoEFeedForward(spec, weights, precision);
            Assert.All(layer.Errors, static e => Assert.Equal((0.0, 0.0), (e.Relative, e.WorstRow)));
            Assert.All(Run(layer, x, Route(spec, weights, x), 1), static v => Assert.Equal(0, v));
        }
    }

    [Fact]
    public void Tokens_that_are_not_finite_or_tiny_stay_among_themselves()
    {
        var spec = LayerProfiles.Mixtral(40, 40, 2, 1);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(6 * 40, 1);
        x[41] = float.NaN;
        x[83] = float.PositiveInfinity;
        x.AsSpan(120, 40).Fill(1e-42f);
        x.AsSpan(160, 40).Clear();
        var routing = ReferenceRouter.Route([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0], spec.Router);
        foreach (var precision in s_precisions)
        {
            using var layer = new MoEFeedForward(spec, weights, precision);
            float[] y = Run(layer, x, routing, 1);
            Assert.All(y[40..80], static v => Assert.True(float.IsNaN(v)));
            Assert.All(y[80..120], static v => Assert.False(float.IsFinite(v)));
            Assert.All(y[120..200], static v => Assert.InRange(v, -1e-35f, 1e-35f));
            Assert.All(y[..40].Concat(y[200..]), static v => Assert.True(float.IsFinite(v)));
        }
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        var spec = LayerProfiles.Mixtral(8, 8, 2, 1);
        Assert.Contains("needs 8-bit or 4-bit weights", Assert.Throws<SpecException>(() => new MoEFeedForward(spec, LayerOracle.RandomWeights(spec, 3), new ExpertPrecision(WeightFormat.BFloat16, ActivationFormat.Int8))).Message);
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec))
        {
            float[] values = Draw.Normal(shape.Aggregate(1, static (a, b) => a * b), 1);
            if (name is WeightNames.ExpertUp or WeightNames.ExpertDown) values[7] = name == WeightNames.ExpertUp ? float.NaN : float.PositiveInfinity;
            weights.Add(name, values, shape);
        }

        string message = Assert.Throws<ArgumentException>(() => new MoEFeedForward(spec, weights, new ExpertPrecision(WeightFormat.Int8PerBlock))).Message;
        Assert.Contains("experts.up[7] = NaN", message);
        Assert.Contains("experts.down[7]", message);
        new MoEFeedForward(spec, weights).Dispose();
    }

    // Number by number within what single precision may do to the terms: holds for any draw.
    internal static void IsWithinItsTerms(MoELayerSpec spec, int tokens, ExpertPrecision precision, int seed, KernelPath path, MoEWorkspace? workspace = null)
    {
        using var own = workspace is null ? new MoEWorkspace() : null;
        var weights = LayerOracle.RandomWeights(spec, seed);
        float[] x = Draw.Normal(tokens * spec.Width, seed + 1), actual = new float[x.Length];
        var routing = Route(spec, weights, x);
        using var layer = new MoEFeedForward(spec, weights, path, precision);
        actual.AsSpan().Fill(float.NaN);
        layer.Forward(x, routing, actual, workspace ?? own!);
        var expected = new FeedForwardOracle(spec, Held(spec, weights, precision.Weights), precision.Activations).Forward(x, routing);
        for (int i = 0; i < actual.Length; i++)
            Assert.True(Math.Abs(expected[i].Value - actual[i]) <= expected[i].Bound, $"[{i}]: {actual[i]}, must be {expected[i].Value} within {expected[i].Bound} in {precision}, {path}, {tokens} tokens, width {spec.Width}, hidden {spec.Expert.Width}, seed {seed}");
    }

    // The reference layer on the weights as they are held; 8-bit activations add their declared error. Drawn once: for a draw in a million the sums cancel further.
    private static void Agrees(MoELayerSpec spec, int tokens, ExpertPrecision precision, int seed, KernelPath path)
    {
        using var workspace = new MoEWorkspace();
        var weights = LayerOracle.RandomWeights(spec, seed);
        float[] x = Draw.Normal(tokens * spec.Width, seed + 1);
        var routing = Route(spec, weights, x);
        using var layer = new MoEFeedForward(spec, weights, path, precision);
        using var reference = new ReferenceLayer(spec, Held(spec, weights, precision.Weights), new FixedGate(routing));
        float[] expected = new float[x.Length], actual = new float[x.Length];
        actual.AsSpan().Fill(float.NaN);
        layer.Forward(x, routing, actual, workspace);
        reference.Forward(x, expected);
        double norm = Math.Sqrt(expected.Sum(static v => (double)v * v)), largest = expected.Select(Math.Abs).DefaultIfEmpty().Max(), error = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            error += Math.Pow(expected[i] - actual[i], 2);
            if (precision.Activations == ActivationFormat.Single) Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-5 * largest + 1e-6, $"[{i}]: {actual[i]}, must be {expected[i]} in {precision}, {spec.Expert}");
        }

        // An output that is small because F terms cancel keeps the errors of the terms.
        Assert.True(Math.Sqrt(error) <= 0.03 * norm + 0.02 * Math.Sqrt((double)expected.Length * spec.Expert.Width), $"relative error {Math.Sqrt(error) / norm} in {precision}, {spec.Expert}, {tokens} tokens of {spec.Width}");
    }

    /// <summary>The weights that a layer of a format computes with.</summary>
    private static WeightDictionary Held(MoELayerSpec spec, WeightDictionary weights, WeightFormat format)
    {
        var held = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec))
        {
            weights.TryGet(name, out var tensor);
            float[] values = tensor.ToSingles();
            bool matrix = name is WeightNames.ExpertGate or WeightNames.ExpertUp or WeightNames.ExpertDown or WeightNames.SharedGate or WeightNames.SharedUp or WeightNames.SharedDown;
            if (matrix) values = Rounded(values, shape[^1], format);
            held.Add(name, values, shape);
        }

        return held;
    }

    private static float[] Rounded(float[] values, int inputs, WeightFormat format)
    {
        if (format == WeightFormat.Single) return values;
        int rows = values.Length / inputs;
        using var matrix = new PackedMatrix(format, inputs, rows);
        for (int r = 0; r < rows; r++) matrix.SetColumn(r / 32, r % 32, values.AsSpan(r * inputs, inputs));
        float[] result = new float[values.Length];
        float* panel = (float*)NativeMemory.AlignedAlloc((nuint)(inputs * 32 * 4), 64);
        for (int p = 0; p < matrix.Panels; p++)
        {
            matrix.Unpack(p, panel);
            for (int j = 0; j < 32 && p * 32 + j < rows; j++)
            {
                for (int k = 0; k < inputs; k++) result[(p * 32 + j) * inputs + k] = panel[k * 32 + j];
            }
        }

        NativeMemory.AlignedFree(panel);
        return result;
    }

    private static TopKRouting Route(MoELayerSpec spec, WeightDictionary weights, float[] x)
    {
        using var layer = new ReferenceLayer(spec, weights);
        return (TopKRouting)layer.Route(x);
    }

    private static float[] Run(MoEFeedForward layer, float[] x, SparseRouting routing, int threads)
    {
        using var workspace = new MoEWorkspace(threads);
        float[] y = new float[x.Length];
        y.AsSpan().Fill(float.NaN);
        layer.Forward(x, routing, y, workspace);
        return y;
    }

    private sealed class FixedGate(SparseRouting routing) : IGate
    {
        public string Name => "fixed";

        public int ExpertCount => routing.ExpertCount;

        public Routing Route(in GateInput input) => routing;
    }
}
