using CsCheck;

namespace MoE.Tests.Kernels;

/// <summary>The grouped product and its gradients against sums in double precision.</summary>
public sealed class GroupedGemmTests
{
    private static readonly int[] s_sizes = [1, 2, 3, 7, 13, 31, 33, 100, 257];

    [Fact]
    public void Every_shape_agrees()
    {
        // Each size meets each other in two of the three places; segments of 0, 1, 14, 15 and 40 rows.
        for (int i = 0; i < s_sizes.Length; i++)
        {
            for (int j = 0; j < s_sizes.Length; j++)
            {
                var layout = (i + j) % 2 == 0 ? WeightLayout.OutputsByInputs : WeightLayout.InputsByOutputs;
                Agrees(new Sample([0, 1, 14, 0, 15, 40, 0], s_sizes[i], s_sizes[j], layout, Gather: (i & 1) == 0, Scatter: (j & 1) == 0, Scale: (i & 2) == 0, Add: (j & 2) == 0, Seed: 9 * i + j), 1);
            }
        }
    }

    [Fact]
    public void Random_samples_agree()
    {
        var size = Gen.Int[1, 70];
        Gen.Select(Gen.Int[0, 50].Array[1, 9], size, size, Gen.Int[0, 31], Gen.Int[1, 3], Gen.Int[0, 1000]).Sample(
            static (counts, n, k, options, threads, seed) => Agrees(new Sample(counts, n, k, (WeightLayout)(options & 1), (options & 2) != 0, (options & 4) != 0, (options & 8) != 0, (options & 16) != 0, seed), threads), iter: 300);
    }

    [Fact]
    public void Segments_longer_than_a_chunk_agree()
    {
        Agrees(new Sample([100, 5000, 0, 3000, 20], 20, 35, WeightLayout.OutputsByInputs, true, true, true, false, 3), 2);
        Agrees(new Sample([0, 2048, 0, 2048, 0], 20, 35, WeightLayout.InputsByOutputs, false, false, false, true, 3), 2);
        Agrees(new Sample([0, 0], 20, 35, WeightLayout.OutputsByInputs, false, false, false, false, 3), 2);
    }

    [Theory, InlineData(2), InlineData(3), InlineData(8)]
    public void Threads_change_no_bit(int threads)
    {
        var sample = new Sample([300, 0, 17, 2100, 1], 70, 65, WeightLayout.OutputsByInputs, true, true, true, false, 5);
        var one = sample.Run(1);
        for (int i = 0; i < 3; i++)
        {
            var more = sample.Run(threads);
            Assert.Equal(one.Y, more.Y);
            Assert.Equal(one.Dx, more.Dx);
            Assert.Equal(one.Dw, more.Dw);
        }
    }

    [Fact]
    public void Weights_may_change_between_calls()
    {
        float[] x = Draw.Normal(20 * 8, 1), w = Draw.Normal(2 * 5 * 8, 2), y = new float[100];
        using var workspace = new MoEWorkspace();
        GroupedGemm.Forward(x, new GroupedRows([0, 9, 20]), new GroupedWeights(w, 2, 5, 8), y, workspace);
        float[] before = [.. y];
        for (int i = 0; i < w.Length; i++) w[i] *= 2;
        GroupedGemm.Forward(x, new GroupedRows([0, 9, 20]), new GroupedWeights(w, 2, 5, 8), y, workspace);
        for (int i = 0; i < y.Length; i++) Assert.Equal(2 * before[i], y[i]);
    }

    [Fact]
    public void Compact_rows_make_each_product_once()
    {
        // Segment 0 reads 3 twice, segment 1 reads 3 again: that is another product.
        var compact = CompactRows.Of([0, 4, 6], [3, 1, 3, 0, 3, 3], 4);
        Assert.Equal([0, 3, 4], compact.Offsets.ToArray());
        Assert.Equal([3, 1, 0, 3], compact.Inputs.ToArray());
        Assert.Equal([0, 1, 0, 2, 3, 3], compact.Map.ToArray());
        Assert.Equal(4 / 6.0, compact.Ratio);
    }

    [Fact]
    public void Compact_products_are_the_products()
    {
        Gen.Select(Gen.Int[0, 40].Array[1, 6], Gen.Int[1, 12], Gen.Int[0, 1000]).Sample(static (counts, nodes, seed) =>
        {
            const int n = 9, k = 11;
            int[] offsets = Sample.Offsets(counts), inputs = Draw.Integers(offsets[^1], nodes, seed);
            float[] x = Draw.Normal(nodes * k, seed), w = Draw.Normal(counts.Length * n * k, seed + 1), dy = Draw.Normal(offsets[^1] * n, seed + 2);
            var weights = new GroupedWeights(w, counts.Length, n, k);
            using var workspace = new MoEWorkspace();
            float[] y = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length];
            GroupedGemm.Forward(x, new GroupedRows(offsets, inputs), weights, y, workspace);
            GroupedGemm.InputGradient(dy, new GroupedRows(offsets, inputs), weights, dx, workspace);
            GroupedGemm.WeightGradient(x, dy, new GroupedRows(offsets, inputs), n, k, dw, workspace);

            var compact = CompactRows.Of(offsets, inputs, nodes);
            var rows = new GroupedRows(compact.Offsets, compact.Inputs);
            float[] unique = new float[rows.Count * n], expanded = new float[y.Length], uniqueDy = new float[unique.Length], dx2 = new float[x.Length], dw2 = new float[w.Length];
            GroupedGemm.Forward(x, rows, weights, unique, workspace);
            compact.Expand(unique, n, expanded);
            Assert.Equal(y, expanded);
            compact.Reduce(dy, n, uniqueDy);
            GroupedGemm.InputGradient(uniqueDy, rows, weights, dx2, workspace);
            GroupedGemm.WeightGradient(x, uniqueDy, rows, n, k, dw2, workspace);
            // The terms are the same, added in another order; their magnitudes bound what that changes.
            float[] terms = new float[x.Length], weightTerms = new float[w.Length];
            GroupedGemm.InputGradient(Magnitudes(dy), new GroupedRows(offsets, inputs), new GroupedWeights(Magnitudes(w), counts.Length, n, k), terms, workspace);
            GroupedGemm.WeightGradient(Magnitudes(x), Magnitudes(dy), new GroupedRows(offsets, inputs), n, k, weightTerms, workspace);
            Near(dx, dx2, terms, "dx");
            Near(dw, dw2, weightTerms, "dw");
        }, iter: 100);
    }

    [Fact]
    public void Equal_segments_are_a_block_diagonal_product()
    {
        // The Einstein product of spectral gates (SVT): one dense product with zero blocks. Whole numbers small enough that every sum is exact, so the bits are the same.
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 9], Gen.Int[1, 17], Gen.Int[1, 17], Draw.Seed).Sample(static (blocks, rows, n, k, seed) =>
        {
            float[] x = Draw.Coarse(rows * blocks * k, seed), w = Draw.Coarse(blocks * n * k, seed / 2), dense = new float[rows * blocks * n], y = new float[dense.Length];
            for (int r = 0; r < rows; r++)
            {
                for (int o = 0; o < blocks * n; o++)
                {
                    for (int i = 0; i < blocks * k; i++) dense[r * blocks * n + o] += (o / n == i / k ? w[o * k + i % k] : 0) * x[r * blocks * k + i];
                }
            }

            // Block b of row r is row r * blocks + b of x and of y.
            int[] offsets = [.. Enumerable.Range(0, blocks + 1).Select(b => b * rows)], places = [.. Enumerable.Range(0, blocks * rows).Select(i => i % rows * blocks + i / rows)];
            using var workspace = new MoEWorkspace();
            GroupedGemm.Forward(x, new GroupedRows(offsets, places, places), new GroupedWeights(w, blocks, n, k), y, workspace);
            Assert.Equal(dense, y);
        }, iter: 100);
    }

    [Fact]
    public void Typed_products_are_those_of_each_type_alone_and_follow_their_rows()
    {
        Gen.Select(Gen.Int[1, 5], Gen.Int[0, 60], Gen.Int[1, 17], Gen.Int[1, 17], Draw.Seed).Sample(static (types, rows, n, k, seed) =>
        {
            float[] x = Draw.Normal(rows * k, seed), w = Draw.Normal(types * n * k, seed / 2);
            int[] type = Draw.Integers(rows, types, seed), order = Draw.Permutation(rows, seed);
            using var workspace = new MoEWorkspace();
            float[] Product(float[] from, int[] typeOf)
            {
                int[] sorted = [.. Enumerable.Range(0, rows).OrderBy(r => typeOf[r])], offsets = [.. Enumerable.Range(0, types + 1).Select(t => typeOf.Count(o => o < t))];
                float[] y = new float[rows * n];
                GroupedGemm.Forward(from, new GroupedRows(offsets, sorted, sorted), new GroupedWeights(w, types, n, k), y, workspace);
                return y;
            }

            float[] y = Product(x, type), alone = new float[y.Length];
            for (int t = 0; t < types; t++)
            {
                int[] own = [.. Enumerable.Range(0, rows).Where(r => type[r] == t)];
                GroupedGemm.Forward(x, new GroupedRows([0, own.Length], own, own), new GroupedWeights(w.AsSpan(t * n * k, n * k), 1, n, k), alone, workspace, add: true);
            }

            // A row's product does not depend on its neighbours: the bits are equal.
            Assert.Equal(y, alone);
            float[] moved = Product([.. order.SelectMany(r => x[(r * k)..(r * k + k)])], [.. order.Select(r => type[r])]);
            Assert.Equal([.. order.SelectMany(r => y[(r * n)..(r * n + n)])], moved);
        }, iter: 100);
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        var sample = new Sample([30, 0, 17, 21], 33, 20, WeightLayout.OutputsByInputs, true, true, true, false, 5);
        using var workspace = new MoEWorkspace(2);
        var result = sample.Empty();
        sample.Run(workspace, result);
        Assert.Equal(0, Allocation.OfTenCalls(() => sample.Run(workspace, result)));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var workspace = new MoEWorkspace();
        float[] x = new float[12], w = new float[2 * 3 * 4], y = new float[9];
        Assert.Contains("must start with 0", Assert.Throws<ArgumentException>(() => new GroupedRows([1, 2])).Message);
        Assert.Contains("offsets[2] = 1", Assert.Throws<ArgumentException>(() => new GroupedRows([0, 2, 1])).Message);
        Assert.Contains("inputs has 2 values; must have 3", Assert.Throws<ArgumentException>(() => new GroupedRows([0, 3], [0, 1])).Message);
        Assert.Contains("values has 24 numbers", Assert.Throws<ArgumentException>(() => new GroupedWeights(w, 2, 3, 5)).Message);
        Assert.Contains("segments; must have 2", Assert.Throws<ArgumentException>(() => GroupedGemm.Forward(x, new GroupedRows([0, 3]), new GroupedWeights(w, 2, 3, 4), y, workspace)).Message);
        Assert.Contains("row 1 points to row 3 of x; must be in 0..2", Assert.Throws<ArgumentException>(() => GroupedGemm.Forward(x, new GroupedRows([0, 1, 3], [0, 3, 1]), new GroupedWeights(w, 2, 3, 4), y, workspace)).Message);
        Assert.Contains("y has 2 rows; must have 3", Assert.Throws<ArgumentException>(() => GroupedGemm.Forward(x, new GroupedRows([0, 1, 3]), new GroupedWeights(w, 2, 3, 4), y.AsSpan(3), workspace)).Message);
        Assert.Contains("dy has 8 values", Assert.Throws<ArgumentException>(() => GroupedGemm.InputGradient(y.AsSpan(1), new GroupedRows([0, 1, 3]), new GroupedWeights(w, 2, 3, 4), x, workspace)).Message);
        Assert.Contains("overlaps", Assert.Throws<ArgumentException>(() => GroupedGemm.WeightGradient(x, y, new GroupedRows([0, 3]), 3, 4, x, workspace)).Message);
        Assert.Contains("inputs[1] = 4; must be in 0..3", Assert.Throws<ArgumentException>(() => CompactRows.Of([0, 2], [0, 4], 4)).Message);
    }

    internal static void Agrees(Sample sample, int threads) => Agrees(sample, sample.Run(threads));

    internal static void Agrees(Sample sample, Results actual)
    {
        var (y, dx, dw) = sample.Reference();
        Close(y, actual.Y, $"y {sample}");
        Close(dx, actual.Dx, $"dx {sample}");
        Close(dw, actual.Dw, $"dw {sample}");

        // A sum in single precision is off by some units of the last place of its terms, however they cancel.
        static void Close((double Sum, double Terms)[] expected, float[] actual, string what)
        {
            for (int i = 0; i < expected.Length; i++)
                Assert.True(Math.Abs(expected[i].Sum - actual[i]) <= 5e-7 * expected[i].Terms, $"[{i}]: {actual[i]}, must be {expected[i].Sum} (terms {expected[i].Terms}) in {what}");
        }
    }

    private static float[] Magnitudes(float[] values) => Array.ConvertAll(values, Math.Abs);

    private static void Near(float[] expected, float[] actual, float[] terms, string what)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-6 * terms[i], $"[{i}]: {actual[i]}, must be {expected[i]} (terms {terms[i]}) in {what}");
    }

    internal sealed record Results(float[] Y, float[] Dx, float[] Dw);

    /// <summary>One grouped product with what it reads.</summary>
    internal sealed record Sample(int[] Counts, int N, int K, WeightLayout Layout, bool Gather, bool Scatter, bool Scale, bool Add, int Seed)
    {
        private const int Canary = 40;
        private readonly int[] _offsets = Offsets(Counts);

        private int Rows => _offsets[^1];

        private int XRows => Gather ? Math.Max(Rows / 2, 1) : Rows;

        private int YRows => Scatter ? Math.Max(Rows / 3, 1) : Rows;

        private float[] X => field ??= Draw.Normal(XRows * K, Seed);

        private float[] W => field ??= Draw.Normal(Counts.Length * N * K, Seed + 1);

        private float[] Dy => field ??= Draw.Normal(YRows * N, Seed + 2);

        private int[] Inputs => field ??= Gather ? Draw.Integers(Rows, XRows, Seed + 3) : [];

        private int[] Outputs => field ??= Scatter ? Draw.Integers(Rows, YRows, Seed + 4) : [];

        private float[] Scales => field ??= Scale ? Draw.Normal(Rows, Seed + 5) : [];

        public static int[] Offsets(int[] counts)
        {
            int[] offsets = new int[counts.Length + 1];
            for (int g = 0; g < counts.Length; g++) offsets[g + 1] = offsets[g] + counts[g];
            return offsets;
        }

        public Results Run(int threads)
        {
            using var workspace = new MoEWorkspace(threads);
            return Run(workspace);
        }

        public Results Run(MoEWorkspace workspace)
        {
            var guarded = Empty();
            Run(workspace, guarded);
            return new Results(Content(guarded.Y), Content(guarded.Dx), Content(guarded.Dw));
        }

        /// <summary>Results between canaries; beginning with ones where they are added to.</summary>
        public void Run(MoEWorkspace workspace, Results to)
        {
            var rows = new GroupedRows(_offsets, Inputs, Outputs, Scales);
            var weights = new GroupedWeights(W, Counts.Length, N, K, Layout);
            GroupedGemm.Forward(X, rows, weights, Inside(to.Y, Dy.Length), workspace, Add);
            GroupedGemm.InputGradient(Dy, rows, weights, Inside(to.Dx, X.Length), workspace, Add);
            GroupedGemm.WeightGradient(X, Dy, rows, N, K, Inside(to.Dw, W.Length), workspace, Layout, Add);
        }

        /// <summary>Each number with the sum of the magnitudes of its terms.</summary>
        public ((double Sum, double Terms)[] Y, (double Sum, double Terms)[] Dx, (double Sum, double Terms)[] Dw) Reference()
        {
            (double Sum, double Terms)[] y = Begun(Dy.Length), dx = Begun(X.Length), dw = Begun(W.Length);
            for (int g = 0; g < Counts.Length; g++)
            {
                for (int r = _offsets[g]; r < _offsets[g + 1]; r++)
                {
                    int i = Gather ? Inputs[r] : r, o = Scatter ? Outputs[r] : r;
                    double s = Scale ? Scales[r] : 1;
                    for (int n = 0; n < N; n++)
                    {
                        for (int k = 0; k < K; k++)
                        {
                            int at = g * N * K + (Layout == WeightLayout.OutputsByInputs ? n * K + k : k * N + n);
                            Add(ref y[o * N + n], s * W[at] * X[i * K + k]);
                            Add(ref dx[i * K + k], s * W[at] * Dy[o * N + n]);
                            Add(ref dw[at], s * X[i * K + k] * Dy[o * N + n]);
                        }
                    }
                }
            }

            return (y, dx, dw);

            static void Add(ref (double Sum, double Terms) to, double term) => to = (to.Sum + term, to.Terms + Math.Abs(term));
        }

        public Results Empty() => new(Guarded(Dy.Length), Guarded(X.Length), Guarded(W.Length));

        public override string ToString() => $"rows {string.Join("+", Counts)}, N {N}, K {K}, {Layout}, gather {Gather}, scatter {Scatter}, scale {Scale}, add {Add}, seed {Seed}";

        private (double Sum, double Terms)[] Begun(int length)
        {
            var values = new (double Sum, double Terms)[length];
            if (Add) values.AsSpan().Fill((1, 1));
            return values;
        }

        private float[] Guarded(int length)
        {
            float[] values = new float[length + 2 * Canary];
            values.AsSpan().Fill(float.NaN);
            if (Add) values.AsSpan(Canary, length).Fill(1);
            return values;
        }

        private static Span<float> Inside(float[] values, int length) => values.AsSpan(Canary, length);

        private static float[] Content(float[] values)
        {
            Assert.All(values[..Canary], static v => Assert.True(float.IsNaN(v)));
            Assert.All(values[^Canary..], static v => Assert.True(float.IsNaN(v)));
            return values[Canary..^Canary];
        }
    }
}
