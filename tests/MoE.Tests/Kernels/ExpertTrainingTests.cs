using CsCheck;

namespace MoE.Tests.Kernels;

/// <summary>Experts forward and backward against differences of a forward pass in double precision.</summary>
public sealed class ExpertTrainingTests
{
    [Fact]
    public void Gradients_are_slopes()
    {
        int seed = 0;
        foreach (var form in new[] { ExpertForm.Glu, ExpertForm.FeedForward })
        {
            foreach (var activation in new[] { Activation.Silu, Activation.Gelu, Activation.GeluTanh, Activation.Identity })
            {
                foreach (bool biases in new[] { false, true })
                {
                    Agrees(new ExpertSpec { Form = form, Activation = activation, Width = 19, Biases = biases }, 7, [3, 0, 5, 1], tokens: 5, scales: true, seed++);
                    Agrees(new ExpertSpec { Form = form, Activation = activation, Width = 16, Biases = biases }, 33, [3, 0, 5, 1], tokens: 0, scales: false, seed++);
                }
            }
        }

        Agrees(new ExpertSpec { Width = 40, Activation = Activation.Silu, Alpha = 1.702, Limit = 1.5, UpOffset = 1, Biases = true }, 20, [10, 20], tokens: 11, scales: true, seed);
    }

    [Fact]
    public void Random_experts_agree()
    {
        Gen.Select(Gen.Int[0, 30].Array[1, 6], Gen.Int[1, 50], Gen.Int[1, 50], Gen.Int[1, 12], Gen.Int[0, 3], Gen.Int[0, 10000]).Sample(
            static (counts, d, f, tokens, options, seed) => Agrees(new ExpertSpec { Form = (options & 1) == 0 ? ExpertForm.Glu : ExpertForm.FeedForward, Width = f, Biases = (options & 2) != 0 }, d, counts, tokens, true, seed), iter: 60);
    }

    [Theory, InlineData(2), InlineData(5)]
    public void Threads_change_no_bit(int threads)
    {
        var sample = new Sample(new ExpertSpec { Width = 50, Biases = true }, 40, [100, 0, 60], 90, true, 3);
        var one = sample.Run(1);
        var more = sample.Run(threads);
        foreach (string name in one.Keys) Assert.Equal(one[name], more[name]);
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        var sample = new Sample(new ExpertSpec { Width = 50, Biases = true }, 40, [100, 0, 60], 90, true, 3);
        using var workspace = new MoEWorkspace(2);
        var results = sample.Empty();
        Assert.Equal(0, Allocation.OfTenCalls(() => sample.Run(workspace, results)));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var workspace = new MoEWorkspace();
        var spec = new ExpertSpec { Width = 2, Form = ExpertForm.FeedForward };
        float[] x = new float[6], up = new float[4], y = new float[6];
        Assert.Contains("weights.Down has 5 values; must have 6", Assert.Throws<ArgumentException>(() => ExpertTraining.Forward(spec, x, new GroupedRows([0, 2]), new ExpertTensors { Up = new float[6], Down = new float[5] }, 3, default, up, y, workspace)).Message);
        Assert.Contains("weights.Gate has 6 values; must have 0", Assert.Throws<ArgumentException>(() => ExpertTraining.Forward(spec, x, new GroupedRows([0, 2]), new ExpertTensors { Gate = x, Up = new float[6], Down = new float[6] }, 3, default, up, y, workspace)).Message);
        Assert.Contains("up has 3 values; must have 4", Assert.Throws<ArgumentException>(() => ExpertTraining.Forward(spec, x, new GroupedRows([0, 2]), new ExpertTensors { Up = new float[6], Down = new float[6] }, 3, default, up.AsSpan(1), y, workspace)).Message);
    }

    private static void Agrees(ExpertSpec spec, int width, int[] counts, int tokens, bool scales, int seed)
    {
        var sample = new Sample(spec, width, counts, tokens, scales, seed);
        var actual = sample.Run(1);
        // Single precision is off by units of the last place of the terms, however they cancel. No activation is larger than its input or steeper than 1.13, so the experts of all magnitudes
        // without activation have the terms' sizes, in the output and in the slopes.
        var terms = sample.Magnitudes();
        double[] y = sample.Reference(), most = terms.Reference();
        for (int i = 0; i < y.Length; i++) Assert.True(Math.Abs(y[i] - actual["y"][i]) <= 1e-6 * most[i], $"[{i}]: {actual["y"][i]}, must be {y[i]} (terms {most[i]}) in y of {spec}");
        foreach (string name in sample.Inputs.Keys)
        {
            float[] values = sample.Inputs[name], gradient = actual["d " + name];
            var random = new Random(seed);
            for (int n = 0; n < Math.Min(12, values.Length); n++)
            {
                int i = random.Next(values.Length);
                double slope = sample.Slope(name, i), size = terms.Slope(name, i);
                // Differences of a step of 1e-5 are good to 1e-8 of the sum of all terms.
                Assert.True(Math.Abs(slope - gradient[i]) <= 5e-6 * size + 1e-8 * most.Sum(), $"d {name}[{i}]: {gradient[i]}, must be {slope} (terms {size}) in {spec}");
            }
        }
    }

    /// <summary>Experts, rows and a gradient of the output. Zero tokens: rows are the tokens.</summary>
    private sealed class Sample
    {
        private static readonly Dictionary<string, string> s_names = new[] { "x", "scales", "gate", "up", "down", "gate bias", "up bias", "down bias" }.ToDictionary(static n => n, static n => "d " + n);

        private readonly ExpertSpec _spec;
        private readonly int _width, _experts, _tokens;
        private readonly int[] _offsets, _at;
        private readonly float[] _dy;

        public Sample(ExpertSpec spec, int width, int[] counts, int tokens, bool scales, int seed)
        {
            _spec = spec;
            _width = width;
            _experts = counts.Length;
            _offsets = GroupedGemmTests.Sample.Offsets(counts);
            _at = tokens > 0 ? Draw.Integers(_offsets[^1], tokens, seed) : [];
            _tokens = tokens > 0 ? tokens : _offsets[^1];
            _dy = Draw.Normal(_tokens * width, seed + 1);
            int f = spec.Width, e = _experts;
            Inputs["x"] = Draw.Normal(_tokens * width, seed + 2);
            if (scales) Inputs["scales"] = Draw.Normal(_offsets[^1], seed + 3);
            if (spec.Form == ExpertForm.Glu) Inputs["gate"] = Draw.Normal(e * f * width, seed + 4, 1 / Math.Sqrt(width));
            Inputs["up"] = Draw.Normal(e * f * width, seed + 5, 1 / Math.Sqrt(width));
            Inputs["down"] = Draw.Normal(e * f * width, seed + 6, 1 / Math.Sqrt(f));
            if (!spec.Biases) return;
            if (spec.Form == ExpertForm.Glu) Inputs["gate bias"] = Draw.Normal(e * f, seed + 7);
            Inputs["up bias"] = Draw.Normal(e * f, seed + 8);
            Inputs["down bias"] = Draw.Normal(e * width, seed + 9);
        }

        private Sample(Sample of)
        {
            (_width, _experts, _tokens, _offsets, _at) = (of._width, of._experts, of._tokens, of._offsets, of._at);
            _spec = of._spec with { Activation = Activation.Identity, Limit = null };
            _dy = Array.ConvertAll(of._dy, Math.Abs);
            foreach (var (name, values) in of.Inputs) Inputs[name] = Array.ConvertAll(values, Math.Abs);
        }

        public Dictionary<string, float[]> Inputs { get; } = [];

        /// <summary>The same of all magnitudes, without activation.</summary>
        public Sample Magnitudes() => new(this);

        private float[] Of(string name) => Inputs.GetValueOrDefault(name, []);

        public Dictionary<string, float[]> Run(int threads)
        {
            using var workspace = new MoEWorkspace(threads);
            var results = Empty();
            Run(workspace, results);
            return results;
        }

        public Dictionary<string, float[]> Empty()
        {
            int size = _offsets[^1] * _spec.Width;
            var results = new Dictionary<string, float[]> { ["y"] = new float[_dy.Length], ["g"] = new float[_spec.Form == ExpertForm.Glu ? size : 0], ["u"] = new float[size] };
            foreach (var (name, values) in Inputs) results["d " + name] = new float[values.Length];
            foreach (float[] values in results.Values) values.AsSpan().Fill(float.NaN);
            return results;
        }

        public void Run(MoEWorkspace workspace, Dictionary<string, float[]> to)
        {
            var rows = new GroupedRows(_offsets, _at, _at, Of("scales"));
            var weights = new ExpertTensors { Gate = Of("gate"), Up = Of("up"), Down = Of("down"), GateBias = Of("gate bias"), UpBias = Of("up bias"), DownBias = Of("down bias") };
            ExpertTraining.Forward(_spec, Of("x"), rows, weights, _width, to["g"], to["u"], to["y"], workspace);
            float[] D(string name) => to.GetValueOrDefault(s_names[name], []);
            var gradients = new ExpertGradients { Input = D("x"), Scales = D("scales"), Gate = D("gate"), Up = D("up"), Down = D("down"), GateBias = D("gate bias"), UpBias = D("up bias"), DownBias = D("down bias") };
            ExpertTraining.Backward(_spec, Of("x"), _dy, rows, weights, _width, to["g"], to["u"], gradients, workspace);
        }

        /// <summary>d sum(dy y) / d input, by central differences.</summary>
        public double Slope(string name, int i)
        {
            const double h = 1e-5;
            double at = Inputs[name][i];
            return (Loss(Reference(name, i, at + h)) - Loss(Reference(name, i, at - h))) / (2 * h);
        }

        public double[] Reference(string changed = "", int at = 0, double value = 0)
        {
            int f = _spec.Width, d = _width;
            double Get(string name, int i) => name == changed && i == at ? value : Inputs.TryGetValue(name, out float[]? v) ? v[i] : name == "scales" ? 1 : 0;
            double[] y = new double[_dy.Length], hidden = new double[f];
            for (int e = 0; e < _experts; e++)
            {
                for (int r = _offsets[e]; r < _offsets[e + 1]; r++)
                {
                    int t = _at.Length == 0 ? r : _at[r];
                    for (int j = 0; j < f; j++)
                    {
                        double g = Get("gate bias", e * f + j), u = Get("up bias", e * f + j);
                        for (int k = 0; k < d; k++)
                        {
                            double x = Get("x", t * d + k);
                            if (_spec.Form == ExpertForm.Glu) g += Get("gate", (e * f + j) * d + k) * x;
                            u += Get("up", (e * f + j) * d + k) * x;
                        }

                        if (_spec.Form != ExpertForm.Glu)
                        {
                            hidden[j] = Activations.Apply(_spec.Activation, _spec.Alpha, u);
                            continue;
                        }

                        if (_spec.Limit is { } limit) (g, u) = (Math.Min(g, limit), Math.Clamp(u, -limit, limit));
                        hidden[j] = Activations.Apply(_spec.Activation, _spec.Alpha, g) * (u + _spec.UpOffset);
                    }

                    double s = Get("scales", r);
                    for (int i = 0; i < d; i++)
                    {
                        double sum = Get("down bias", e * d + i);
                        for (int j = 0; j < f; j++) sum += Get("down", (e * d + i) * f + j) * hidden[j];
                        y[t * d + i] += s * sum;
                    }
                }
            }

            return y;
        }

        private double Loss(double[] y)
        {
            double sum = 0;
            for (int i = 0; i < y.Length; i++) sum += _dy[i] * y[i];
            return sum;
        }
    }
}
