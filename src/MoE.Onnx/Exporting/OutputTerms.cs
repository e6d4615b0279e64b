using System.Numerics.Tensors;

namespace MoE.Onnx;

/// <summary>
/// How large the products are that make each number of a layer's output: the sum of their magnitudes, what went into their factors included, which is what rounding is measured in; and the root of the sum of their squares, which is
/// about what they come to.
/// </summary>
internal sealed class OutputTerms(MoELayerSpec spec, IWeightSource weights)
{
    // No activation of ours is steeper, but for the slope inside SiLU.
    private const float Steepest = 1.13f;

    /// <summary>Both [T, D].</summary>
    public (float[] Sums, float[] Norms) Of(ReadOnlySpan<float> tokens, SparseRouting routing, CancellationToken cancellation)
    {
        float[] sums = new float[tokens.Length], squares = new float[tokens.Length];
        for (int e = 0; e < spec.Router.Experts; e++)
        {
            cancellation.ThrowIfCancellationRequested();
            var rows = new List<(int Token, float Weight)>();
            for (int r = 0; r < routing.RouteCount; r++)
                if (routing.ExpertIds[r] == e) rows.Add((routing.TokenOf(r), Math.Abs(routing.Weights[r])));
            if (rows.Count > 0) Add("experts.", e, spec.Expert.Width, tokens, rows, spec.Weighted == WeightedSide.Input, sums, squares);
        }

        if (spec.Shared is { } shared) Add("shared.", 0, shared.Width, tokens, [.. Enumerable.Range(0, tokens.Length / spec.Width).Select(static t => (t, 1f))], weighInput: false, sums, squares);
        AddTail(tokens, routing, sums, squares);
        TensorPrimitives.Sqrt(squares, squares);
        return (sums, squares);
    }

    // The token's own share and the learned bias.
    private void AddTail(ReadOnlySpan<float> tokens, SparseRouting routing, Span<float> sums, Span<float> squares)
    {
        int d = spec.Width;
        float[] bias = spec.OutputBias ? WeightShares.Whole(weights, WeightNames.OutputBias) : new float[d], taken = new float[tokens.Length / d];
        for (int r = 0; r < routing.RouteCount; r++) taken[routing.TokenOf(r)] += Math.Abs(routing.Weights[r]);
        for (int i = 0; i < sums.Length; i++)
        {
            float size = Math.Abs(bias[i % d]) + (spec.KeepsRemainder ? (1 + taken[i / d]) * Math.Abs(tokens[i]) : 0);
            sums[i] += size;
            squares[i] += size * size;
        }
    }

    private void Add(string prefix, int expert, int inner, ReadOnlySpan<float> tokens, List<(int Token, float Weight)> rows, bool weighInput, Span<float> sums, Span<float> squares)
    {
        int d = spec.Width;
        var x = new float[rows.Count * d];
        for (int r = 0; r < rows.Count; r++)
            TensorPrimitives.Multiply(tokens.Slice(rows[r].Token * d, d), weighInput ? rows[r].Weight : 1, x.AsSpan(r * d, d));
        var up = Project(prefix + "up", expert, inner, x, rows.Count);
        var gate = spec.Expert.Form == ExpertForm.Glu ? Project(prefix + "gate", expert, inner, x, rows.Count) : null;
        float slope = Steepest * Math.Max(1, Math.Abs((float)spec.Expert.Alpha)), offset = Math.Abs((float)spec.Expert.UpOffset);
        float[] hiddenSums = new float[rows.Count * inner], hiddenSquares = new float[rows.Count * inner];
        for (int i = 0; i < hiddenSums.Length; i++)
        {
            var (sum, size) = (up[i].Sum + offset, up[i].Size + offset);
            if (gate is not null) (sum, size) = ((gate[i].Size * sum) + (gate[i].Sum * size), gate[i].Size * size);
            hiddenSums[i] = slope * sum;
            hiddenSquares[i] = slope * size * slope * size;
        }

        float[] down = Share(prefix + "down", expert, d * inner), row = new float[inner], bias = Bias(prefix + "down_bias", expert, d);
        for (int i = 0; i < d; i++)
        {
            TensorPrimitives.Abs(down.AsSpan(i * inner, inner), row);
            for (int r = 0; r < rows.Count; r++)
                sums[(rows[r].Token * d) + i] += (weighInput ? 1 : rows[r].Weight) * (TensorPrimitives.Dot<float>(row, hiddenSums.AsSpan(r * inner, inner)) + Math.Abs(bias[i]));
            TensorPrimitives.Multiply(row, row, row);
            for (int r = 0; r < rows.Count; r++)
                squares[(rows[r].Token * d) + i] += (weighInput ? 1 : rows[r].Weight * rows[r].Weight) * (TensorPrimitives.Dot<float>(row, hiddenSquares.AsSpan(r * inner, inner)) + (bias[i] * bias[i]));
        }
    }

    // [rows, inner]: the sum of the magnitudes of a projection's products, and its own size, that of its products' norm included.
    private (float Sum, float Size)[] Project(string name, int expert, int inner, float[] x, int rows)
    {
        int d = spec.Width;
        var sizes = new (float Sum, float Size)[rows * inner];
        float[] matrix = Share(name, expert, inner * d), bias = Bias(name + "_bias", expert, inner), absolute = new float[d], square = new float[d], token = new float[x.Length], tokenSquare = new float[x.Length];
        TensorPrimitives.Abs(x, token);
        TensorPrimitives.Multiply(x, x, tokenSquare);
        for (int f = 0; f < inner; f++)
        {
            var row = matrix.AsSpan(f * d, d);
            TensorPrimitives.Abs(row, absolute);
            TensorPrimitives.Multiply(row, row, square);
            for (int r = 0; r < rows; r++)
            {
                float sum = TensorPrimitives.Dot<float>(absolute, token.AsSpan(r * d, d)), value = TensorPrimitives.Dot<float>(row, x.AsSpan(r * d, d)), norm = MathF.Sqrt(TensorPrimitives.Dot<float>(square, tokenSquare.AsSpan(r * d, d)));
                sizes[(r * inner) + f] = (sum + Math.Abs(bias[f]), Math.Abs(value) + norm + Math.Abs(bias[f]));
            }
        }

        return sizes;
    }

    private float[] Share(string name, int expert, int count)
    {
        var share = new float[count];
        WeightShares.Read(weights, name, expert, share);
        return share;
    }

    private float[] Bias(string name, int expert, int count) =>
        spec.Expert.Biases && (spec.Expert.Form == ExpertForm.Glu || !name.EndsWith("gate_bias", StringComparison.Ordinal)) ? Share(name, expert, count) : new float[count];
}
