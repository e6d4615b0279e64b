using System.Numerics.Tensors;

namespace MoE.Onnx;

/// <summary>How large the products are that make each number of a layer's output, which is what its rounding is measured in: |weight| |down| (|hidden| and what went into it), summed.</summary>
internal sealed class OutputTerms(MoELayerSpec spec, IWeightSource weights)
{
    // No activation of ours is steeper, but for the slope inside SiLU.
    private const float Steepest = 1.13f;

    /// <summary>[T, D].</summary>
    public float[] Of(ReadOnlySpan<float> tokens, SparseRouting routing, CancellationToken cancellation)
    {
        var sizes = new float[tokens.Length];
        for (int e = 0; e < spec.Router.Experts; e++)
        {
            cancellation.ThrowIfCancellationRequested();
            var rows = new List<(int Token, float Weight)>();
            for (int r = 0; r < routing.RouteCount; r++)
                if (routing.ExpertIds[r] == e) rows.Add((routing.TokenOf(r), Math.Abs(routing.Weights[r])));
            if (rows.Count > 0) Add("experts.", e, spec.Expert.Width, tokens, rows, spec.Weighted == WeightedSide.Input, sizes);
        }

        if (spec.Shared is { } shared) Add("shared.", 0, shared.Width, tokens, [.. Enumerable.Range(0, tokens.Length / spec.Width).Select(static t => (t, 1f))], weighInput: false, sizes);
        return sizes;
    }

    private void Add(string prefix, int expert, int inner, ReadOnlySpan<float> tokens, List<(int Token, float Weight)> rows, bool weighInput, Span<float> sizes)
    {
        int d = spec.Width;
        bool glu = spec.Expert.Form == ExpertForm.Glu;
        var x = new float[rows.Count * d];
        var magnitudes = new float[x.Length];
        for (int r = 0; r < rows.Count; r++)
        {
            TensorPrimitives.Multiply(tokens.Slice(rows[r].Token * d, d), weighInput ? rows[r].Weight : 1, x.AsSpan(r * d, d));
            TensorPrimitives.Abs(x.AsSpan(r * d, d), magnitudes.AsSpan(r * d, d));
        }

        var hidden = new float[rows.Count * inner];
        float[] ups = Share(prefix + "up", expert, inner * d), gates = glu ? Share(prefix + "gate", expert, inner * d) : [], sizeOfRow = new float[d], sizeOfGate = new float[d];
        float[] upBias = Bias(prefix + "up_bias", expert, inner), gateBias = Bias(prefix + "gate_bias", expert, inner);
        float slope = Steepest * Math.Max(1, Math.Abs((float)spec.Expert.Alpha)), offset = Math.Abs((float)spec.Expert.UpOffset);
        for (int f = 0; f < inner; f++)
        {
            ReadOnlySpan<float> row = ups.AsSpan(f * d, d), gateRow = glu ? gates.AsSpan(f * d, d) : [];
            TensorPrimitives.Abs(row, sizeOfRow);
            if (glu) TensorPrimitives.Abs(gateRow, sizeOfGate);
            for (int r = 0; r < rows.Count; r++)
            {
                ReadOnlySpan<float> token = x.AsSpan(r * d, d), size = magnitudes.AsSpan(r * d, d);
                float up = TensorPrimitives.Dot(sizeOfRow, size) + Math.Abs(upBias[f]) + offset;
                if (!glu)
                {
                    hidden[(r * inner) + f] = slope * up;
                    continue;
                }

                float gate = TensorPrimitives.Dot(sizeOfGate, size) + Math.Abs(gateBias[f]);
                float upValue = Math.Abs(TensorPrimitives.Dot(row, token)) + Math.Abs(upBias[f]) + offset, gateValue = Math.Abs(TensorPrimitives.Dot(gateRow, token)) + Math.Abs(gateBias[f]);
                hidden[(r * inner) + f] = slope * ((gateValue * up) + (gate * upValue));
            }
        }

        float[] down = Share(prefix + "down", expert, d * inner), sizeOfDown = new float[inner], downBias = Bias(prefix + "down_bias", expert, d);
        for (int i = 0; i < d; i++)
        {
            TensorPrimitives.Abs(down.AsSpan(i * inner, inner), sizeOfDown);
            for (int r = 0; r < rows.Count; r++)
            {
                float term = TensorPrimitives.Dot(sizeOfDown, hidden.AsSpan(r * inner, inner)) + Math.Abs(downBias[i]);
                sizes[(rows[r].Token * d) + i] += weighInput ? term : term * rows[r].Weight;
            }
        }
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
