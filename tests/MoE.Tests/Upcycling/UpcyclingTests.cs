using CsCheck;

namespace MoE.Tests.UpcyclingOf;

/// <summary>Upcycled layers against the dense block that they come from.</summary>
public sealed class UpcyclingTests
{
    private static readonly Activation[] s_activations = Enum.GetValues<Activation>();

    [Fact]
    public void A_layer_whose_weights_sum_to_one_starts_as_the_block()
    {
        // Every gate that normalises, any form and granularity, on every token.
        Gen.Select(Gen.Int[0, 4], Gen.Int[1, 4], Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[1, 6], Gen.Int[1, 9], Gen.Int[0, 9], Draw.Seed).Sample((gate, granularity, groups, taken, neurons, width, form, seed) =>
        {
            taken = Math.Min(taken, groups);
            int e = groups * granularity, k = taken * granularity;
            RouterSpec router = gate switch
            {
                0 => RouterProfiles.Mixtral(e, k),
                1 => RouterProfiles.MistralInference(e, k),
                2 => RouterProfiles.DeepSeekV3(e, k, 1, 1, 2.5),
                3 => RouterProfiles.OlmoCore(e, k, ScoreFunction.Sigmoid, normalizeP: 1),
                _ => new RouterSpec { Experts = e, Select = new AllSelection() },
            };
            var block = new ExpertSpec { Width = granularity * neurons, Form = form % 2 == 0 ? ExpertForm.Glu : ExpertForm.FeedForward, Activation = s_activations[form / 2], Biases = seed % 2 == 0, Limit = form % 2 == 0 && seed % 3 == 0 ? 0.7 : null };
            var spec = new UpcyclingSpec { Width = width, Block = block, Router = router, Granularity = granularity, RouterDeviation = 0.5, Seed = (ulong)seed };
            var dense = Dense(block, width, seed);
            float[] x = Draw.Normal(5 * width, seed);
            StartsAs(spec, dense, x);
        }, iter: 300);
    }

    [Fact]
    public void One_choice_of_weight_one_has_the_blocks_bits()
    {
        var block = new ExpertSpec { Width = 40, Activation = Activation.Gelu, Biases = true };
        var dense = Dense(block, 24, 3);
        var one = Upcycling.Convert(new UpcyclingSpec { Width = 24, Block = block, Router = RouterProfiles.Mixtral(1, 1) }, dense);
        var many = Upcycling.Convert(new UpcyclingSpec { Width = 24, Block = block, Router = RouterProfiles.Mixtral(8, 1), RouterDeviation = 1, Seed = 5 }, dense);
        float[] x = Draw.Normal(50 * 24, 5), a = new float[x.Length], b = new float[x.Length];
        using var single = new ManagedMoEEngine(one.Spec, one.Weights);
        using var mixture = new ManagedMoEEngine(many.Spec, many.Weights);
        single.Forward(x, a);
        mixture.Forward(x, b);
        Assert.Equal(a, b);
        Assert.True(((SparseRouting)mixture.Route(x)).Load().Count(static n => n > 0) > 1);
    }

    [Fact]
    public void Without_virtual_groups_shards_are_missing_and_without_a_scale_the_output_is_a_share()
    {
        var block = new ExpertSpec { Width = 24 };
        var dense = Dense(block, 12, 3);
        var spec = new UpcyclingSpec { Width = 12, Block = block, Router = RouterProfiles.Mixtral(8, 4), Granularity = 4, RouterDeviation = 1, Seed = 1 };
        float[] x = Draw.Normal(40 * 12, 5), whole = Run(spec, dense, x), expected = [.. Block(block, 12, dense, x).Select(static v => (float)v.Value)];
        double Distance(float[] y) => Math.Sqrt(y.Zip(expected, static (a, b) => Math.Pow(a - b, 2)).Sum() / expected.Sum(static v => (double)v * v));
        Assert.InRange(Distance(whole), 0, 1e-6);
        Assert.InRange(Distance(Run(spec with { VirtualGroups = false }, dense, x)), 0.2, 10);
        float[] share = Run(spec with { Scale = UpcyclingScale.None }, dense, x);
        Assert.InRange(Distance([.. share.Select(static v => 4 * v)]), 0, 1e-6);
    }

    [Theory]
    [InlineData(true, 32, 8, 4, 16)]
    [InlineData(true, 64, 8, 8, 64)]
    [InlineData(true, 8, 2, 1, 4)]
    [InlineData(false, 32, 8, 4, 4)]
    [InlineData(false, 8, 2, 1, 1)]
    public void Scales_are_Megatrons(bool before, int experts, int k, int granularity, double scale)
    {
        // _get_moe_activation_scale of upcycling_utils.py: expansion * G * G / k where the softmax is before the choice, otherwise G; its cube root in a GLU, its square root otherwise.
        foreach (bool glu in new[] { true, false })
        {
            var block = new ExpertSpec { Width = 16, Form = glu ? ExpertForm.Glu : ExpertForm.FeedForward };
            var spec = new UpcyclingSpec { Width = 8, Block = block, Router = RouterProfiles.Megatron(experts, k, preSoftmax: before), Granularity = granularity, Scale = UpcyclingScale.Spread };
            var dense = Dense(block, 8, 3);
            var layer = Upcycling.Convert(spec, dense);
            double each = Math.Pow(scale, glu ? 1 / 3.0 : 0.5);
            foreach (var (to, from) in new[] { (WeightNames.ExpertUp, WeightNames.DenseUp), (WeightNames.ExpertDown, WeightNames.DenseDown) })
                Assert.Equal(each * Get(dense, from)[0], Get(layer.Weights, to)[0], 1e-6);
            // tensor_split along the inner dimension, the list of shards repeated: expert e is shard e mod G.
            int part = 16 / granularity;
            for (int e = 0; e < experts; e++)
            {
                Assert.Equal(each * Get(dense, WeightNames.DenseUp)[e % granularity * part * 8], Get(layer.Weights, WeightNames.ExpertUp)[e * part * 8], 1e-6);
                Assert.Equal(each * Get(dense, WeightNames.DenseDown)[e % granularity * part], Get(layer.Weights, WeightNames.ExpertDown)[e * part * 8], 1e-6);
            }

            // _process_router_param: each row repeated G times.
            float[] rows = Get(layer.Weights, WeightNames.Router);
            for (int e = 0; e < experts; e++) Assert.Equal(rows[(e / granularity * granularity * 8)..(e / granularity * granularity * 8 + 8)], rows[(e * 8)..(e * 8 + 8)]);
            Assert.Equal(experts / granularity, rows.Where(static (_, i) => i % 8 == 0).Distinct().Count());
        }
    }

    [Fact]
    public void A_softmax_over_all_starts_as_the_block_where_logits_are_equal()
    {
        var block = new ExpertSpec { Width = 24, Activation = Activation.Gelu, Form = ExpertForm.FeedForward, Biases = true };
        var spec = new UpcyclingSpec { Width = 12, Block = block, Router = RouterProfiles.Olmoe(16, 4), Granularity = 2, RouterDeviation = 0 };
        var dense = Dense(block, 12, 3);
        float[] x = Draw.Normal(9 * 12, 5);
        StartsAs(spec, dense, x);
        StartsAs(spec with { Router = RouterProfiles.Llama4(16, 4) }, dense, x);
        // Rows of 0.02 move the weights by some per cent, and the output with them.
        float[] y = Run(spec with { RouterDeviation = 0.02 }, dense, x), expected = [.. Block(block, 12, dense, x).Select(static v => (float)v.Value)];
        double error = Math.Sqrt(y.Zip(expected, static (a, b) => Math.Pow(a - b, 2)).Sum() / expected.Sum(static v => (double)v * v));
        Assert.InRange(error, 1e-4, 0.2);
    }

    [Fact]
    public void A_spread_scale_is_exact_for_activations_that_scale()
    {
        foreach (var (form, activation, exact) in new[] { (ExpertForm.Glu, Activation.Relu, true), (ExpertForm.Glu, Activation.Identity, true), (ExpertForm.FeedForward, Activation.Relu, true), (ExpertForm.Glu, Activation.Silu, false), (ExpertForm.FeedForward, Activation.Gelu, false) })
        {
            var block = new ExpertSpec { Width = 24, Form = form, Activation = activation, Biases = true };
            var spec = new UpcyclingSpec { Width = 12, Block = block, Router = RouterProfiles.Mixtral(16, 8), Granularity = 4, Scale = UpcyclingScale.Spread };
            var dense = Dense(block, 12, 3);
            float[] x = Draw.Normal(9 * 12, 5);
            if (exact) StartsAs(spec, dense, x);
            else
            {
                float[] y = Run(spec, dense, x), expected = [.. Block(block, 12, dense, x).Select(static v => (float)v.Value)];
                Assert.InRange(Math.Sqrt(y.Zip(expected, static (a, b) => Math.Pow(a - b, 2)).Sum() / expected.Sum(static v => (double)v * v)), 1e-3, 3);
            }
        }
    }

    [Fact]
    public void Neurons_are_drawn_anew_whole_and_with_the_statistics_of_what_they_replace()
    {
        const int d = 40, f = 60, experts = 6;
        var block = new ExpertSpec { Width = f };
        var dense = Dense(block, d, 3);
        float[] gate = Get(dense, WeightNames.DenseGate);
        for (int i = 0; i < gate.Length; i++) gate[i] = 3 + 0.1f * gate[i];
        var spec = new UpcyclingSpec { Width = d, Block = block, Router = RouterProfiles.Mixtral(experts, 2), ReinitializedShare = 0.5, Seed = 9 };
        var layer = Upcycling.Convert(spec, dense);
        var sets = new List<string>();
        for (int e = 0; e < experts; e++)
        {
            float[] Row(string name, int i) => Get(layer.Weights, name)[((e * f + i) * d)..((e * f + i + 1) * d)];
            float[] Column(int i) => [.. Enumerable.Range(0, d).Select(r => Get(layer.Weights, WeightNames.ExpertDown)[(e * d + r) * f + i])];
            int[] changed = [.. Enumerable.Range(0, f).Where(i => !Row(WeightNames.ExpertUp, i).SequenceEqual(Get(dense, WeightNames.DenseUp)[(i * d)..((i + 1) * d)]))];
            Assert.Equal(30, changed.Length);
            sets.Add(string.Join(",", changed));
            for (int i = 0; i < f; i++)
            {
                bool fresh = changed.Contains(i);
                Assert.Equal(!fresh, Row(WeightNames.ExpertGate, i).SequenceEqual(gate[(i * d)..((i + 1) * d)]));
                Assert.Equal(!fresh, Column(i).SequenceEqual(Enumerable.Range(0, d).Select(r => Get(dense, WeightNames.DenseDown)[r * f + i])));
            }

            // 1200 numbers: the mean within four of its standard errors, the deviation within 1 +- 4 / sqrt(2 n).
            float[] drawn = [.. changed.SelectMany(i => Row(WeightNames.ExpertGate, i))];
            double mean = drawn.Average(), deviation = Math.Sqrt(drawn.Average(v => Math.Pow(v - mean, 2)));
            Assert.InRange(mean, 3 - 0.1 * 0.7 * 8 / Math.Sqrt(1200), 3 + 0.1 * 0.7 * 8 / Math.Sqrt(1200));
            Assert.InRange(deviation, 0.07 * 0.85, 0.07 * 1.15);
        }

        Assert.Equal(experts, sets.Distinct().Count());
        var again = Upcycling.Convert(spec, dense);
        foreach (string name in layer.Weights.Names) Assert.Equal(Get(layer.Weights, name), Get(again.Weights, name));
        Assert.NotEqual(Get(layer.Weights, WeightNames.ExpertUp), Get(Upcycling.Convert(spec with { Seed = 10 }, dense).Weights, WeightNames.ExpertUp));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var block = new ExpertSpec { Width = 24 };
        var spec = new UpcyclingSpec { Width = 12, Block = block, Router = RouterProfiles.Mixtral(10, 3), Granularity = 4 };
        var problems = Assert.Throws<SpecException>(() => Upcycling.Convert(spec, Dense(block, 12, 1))).Problems;
        Assert.Equal(["must divide experts (10)", "must divide k (3): a token takes every shard equally often"], problems.Select(static p => p.Rule));
        Assert.Contains("must divide the block's width (24)", Assert.Throws<SpecException>(() => Upcycling.Convert(spec with { Granularity = 5 }, Dense(block, 12, 1))).Message);
        Assert.Contains("top-k or all", Assert.Throws<SpecException>(() => Upcycling.Convert(spec with { Granularity = 1, Router = RouterProfiles.DynamicTopP(8) }, Dense(block, 12, 1))).Message);
        Assert.Contains("a virtual group lies in one of them", Assert.Throws<SpecException>(() => Upcycling.Convert(spec with { Router = RouterProfiles.DeepSeekV3(24, 8, 4, 2, 1) }, Dense(block, 12, 1))).Message);
        Assert.Equal(4, Assert.Throws<SpecException>(() => Upcycling.Convert(spec with { Width = 0, Granularity = 0, RouterDeviation = -1, ReinitializedShare = double.NaN }, Dense(block, 12, 1))).Problems.Count);
        string missing = Assert.Throws<ArgumentException>(() => Upcycling.Convert(spec with { Granularity = 1 }, Dense(block with { Width = 20 }, 12, 1))).Message;
        Assert.Contains("dense.gate has shape [20, 12]; must be [24, 12]", missing);
        Assert.Contains("dense.down has shape [12, 20]", missing);
    }

    // In single precision on the managed engine and on the reference; each output within the rounding of its own terms.
    private static void StartsAs(UpcyclingSpec spec, WeightDictionary dense, float[] x)
    {
        var layer = Upcycling.Convert(spec, dense);
        var expected = Block(spec.Block, spec.Width, dense, x);
        float[] y = new float[x.Length], z = new float[x.Length];
        using var engine = new ManagedMoEEngine(layer.Spec, layer.Weights);
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        engine.Forward(x, y);
        reference.Forward(x, z);
        double roundings = (spec.Width + spec.Block.Width + 4 * spec.Router.TopK + 40) * Math.Pow(2, -24);
        for (int i = 0; i < y.Length; i++)
        {
            Assert.True(Math.Abs(y[i] - expected[i].Value) <= roundings * expected[i].Terms, $"managed [{i}]: {y[i]}, must be {expected[i]} in {spec}");
            Assert.True(Math.Abs(z[i] - expected[i].Value) <= roundings * expected[i].Terms, $"reference [{i}]: {z[i]}, must be {expected[i]} in {spec}");
        }
    }

    private static float[] Run(UpcyclingSpec spec, WeightDictionary dense, float[] x)
    {
        var layer = Upcycling.Convert(spec, dense);
        using var engine = new ManagedMoEEngine(layer.Spec, layer.Weights);
        float[] y = new float[x.Length];
        engine.Forward(x, y);
        return y;
    }

    // The block by its definition in double, and the sizes of what is added up: activations change by at most 1.2 times their argument (1.13 for GELU, 1.1 for SiLU).
    private static (double Value, double Terms)[] Block(ExpertSpec s, int d, WeightDictionary dense, float[] x)
    {
        var result = new (double, double)[x.Length];
        for (int t = 0; t < x.Length / d; t++)
        {
            var hidden = new (double Value, double Terms)[s.Width];
            for (int f = 0; f < s.Width; f++)
            {
                var (u, uTerms) = Dot("up", f, s.Width, [.. x[(t * d)..((t + 1) * d)].Select(static v => ((double)v, (double)Math.Abs(v)))]);
                if (s.Form == ExpertForm.FeedForward)
                {
                    hidden[f] = (Activations.Apply(s.Activation, s.Alpha, u), 1.2 * uTerms);
                    continue;
                }

                var (g, gTerms) = Dot("gate", f, s.Width, [.. x[(t * d)..((t + 1) * d)].Select(static v => ((double)v, (double)Math.Abs(v)))]);
                if (s.Limit is { } limit) (g, u) = (Math.Min(g, limit), Math.Clamp(u, -limit, limit));
                hidden[f] = (Activations.Apply(s.Activation, s.Alpha, g) * u, 3 * gTerms * uTerms);
            }

            for (int i = 0; i < d; i++) result[t * d + i] = Dot("down", i, d, hidden);
        }

        return result;

        (double, double) Dot(string name, int row, int rows, (double Value, double Terms)[] of)
        {
            float[] w = Get(dense, "dense." + name);
            double bias = s.Biases ? Get(dense, $"dense.{name}_bias")[row] : 0, sum = bias, terms = Math.Abs(bias);
            for (int i = 0; i < of.Length; i++)
            {
                sum += w[row * of.Length + i] * of[i].Value;
                terms += Math.Abs(w[row * of.Length + i]) * of[i].Terms;
            }

            return (sum, terms);
        }
    }

    private static WeightDictionary Dense(ExpertSpec block, int width, int seed)
    {
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.OfDense(block, width)) weights.Add(name, Draw.Normal(shape.Aggregate(1, static (a, b) => a * b), seed++ & int.MaxValue, 0.7), shape);
        return weights;
    }

    private static float[] Get(WeightDictionary weights, string name) => weights.Values(name);
}
