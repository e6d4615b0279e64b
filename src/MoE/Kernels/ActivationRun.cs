using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>What lies between the two products of an expert in training, forward and backward, as items for a team: a few rows each.</summary>
internal sealed unsafe class ActivationRun : IKernelJob
{
    private const int ItemRows = 16;

    private ExpertSpec _spec = null!;
    private bool _backward;
    private int _rows, _width;
    private float* _gate, _up, _dGate, _dUp, _hidden, _scales, _dScales;

    /// <summary>hidden = act(gate) up, after the biases were added to both in place.</summary>
    public void Forward(ExpertSpec spec, ReadOnlySpan<int> offsets, in ExpertTensors weights, Span<float> gate, Span<float> up, Span<float> hidden, KernelTeam team)
    {
        AddBias(new GroupedRows(offsets), weights.GateBias, gate, spec.Width);
        AddBias(new GroupedRows(offsets), weights.UpBias, up, spec.Width);
        fixed (float* g = gate, u = up, h = hidden)
        {
            (_spec, _backward, _rows, _width) = (spec, false, offsets[^1], spec.Width);
            _gate = g;
            _up = u;
            _hidden = h;
            team.Run(this, (_rows + ItemRows - 1) / ItemRows);
        }
    }

    /// <summary>From the gradient of the unscaled hidden numbers in <paramref name="dUp"/>: the gradients of both halves, of the scales (without the bias's part), and the scaled hidden numbers.</summary>
    public void Backward(ExpertSpec spec, GroupedRows rows, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> dGate, Span<float> dUp, Span<float> hidden, Span<float> dScales, KernelTeam team)
    {
        fixed (float* g = gate, u = up, dg = dGate, du = dUp, h = hidden, s = rows.Scales, ds = dScales)
        {
            (_spec, _backward, _rows, _width) = (spec, true, rows.Count, spec.Width);
            _gate = g;
            _up = u;
            _dGate = dg;
            _dUp = du;
            _hidden = h;
            _scales = s;
            _dScales = ds;
            team.Run(this, (_rows + ItemRows - 1) / ItemRows);
        }
    }

    /// <summary>Adds the scaled bias of its segment to each row's place.</summary>
    public void AddBias(GroupedRows rows, ReadOnlySpan<float> bias, Span<float> y, int width)
    {
        if (bias.IsEmpty) return;
        for (int g = 0; g < rows.Groups; g++)
        {
            for (int r = rows.Offsets[g]; r < rows.Offsets[g + 1]; r++)
                Add(bias.Slice(g * width, width), y.Slice((rows.Outputs.IsEmpty ? r : rows.Outputs[r]) * width, width), rows.Scales.IsEmpty ? 1 : rows.Scales[r]);
        }
    }

    /// <summary>Adds the bias's part to the gradients of the scales.</summary>
    public void AddBiasScales(GroupedRows rows, ReadOnlySpan<float> bias, ReadOnlySpan<float> dy, Span<float> dScales, int width)
    {
        if (bias.IsEmpty) return;
        for (int g = 0; g < rows.Groups; g++)
        {
            var b = bias.Slice(g * width, width);
            for (int r = rows.Offsets[g]; r < rows.Offsets[g + 1]; r++)
            {
                var row = dy.Slice((rows.Outputs.IsEmpty ? r : rows.Outputs[r]) * width, width);
                float sum = 0;
                for (int i = 0; i < width; i++) sum += b[i] * row[i];
                dScales[r] += sum;
            }
        }
    }

    /// <summary>Sums of rows by segment.</summary>
    public void BiasGradient(GroupedRows rows, ReadOnlySpan<float> values, ReadOnlySpan<int> at, ReadOnlySpan<float> scales, int width, Span<float> gradient)
    {
        gradient.Clear();
        for (int g = 0; g < rows.Groups; g++)
        {
            for (int r = rows.Offsets[g]; r < rows.Offsets[g + 1]; r++)
                Add(values.Slice((at.IsEmpty ? r : at[r]) * width, width), gradient.Slice(g * width, width), scales.IsEmpty ? 1 : scales[r]);
        }
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int item, int worker)
    {
        int from = item * ItemRows, to = Math.Min(from + ItemRows, _rows);
        // The end of a row that is no multiple of sixteen goes through a block of its own.
        float* end = stackalloc float[6 * 16];
        for (int r = from; r < to; r++)
        {
            long at = (long)r * _width;
            float* g = _gate is null ? null : _gate + at, u = _up + at, h = _hidden + at;
            if (!_backward)
            {
                int i = 0;
                for (; i + 16 <= _width; i += 16) Hidden(g is null ? default : Vector512.Load(g + i), Vector512.Load(u + i)).Store(h + i);
                for (; i < _width; i++) h[i] = Hidden(Vector512.Create(g is null ? 0 : g[i]), Vector512.Create(u[i]))[0];
                continue;
            }

            float* dg = _dGate is null ? null : _dGate + at, du = _dUp + at;
            float scale = _scales is null ? 1 : _scales[r];
            var sum = Vector512<float>.Zero;
            int whole = _width & ~15;
            for (int i = 0; i < whole; i += 16) sum += Back(g + i, u + i, dg + i, du + i, h + i, scale);
            int rest = _width - whole;
            if (rest > 0)
            {
                new Span<float>(end, 6 * 16).Clear();
                if (g is not null) new ReadOnlySpan<float>(g + whole, rest).CopyTo(new Span<float>(end, rest));
                new ReadOnlySpan<float>(u + whole, rest).CopyTo(new Span<float>(end + 16, rest));
                new ReadOnlySpan<float>(du + whole, rest).CopyTo(new Span<float>(end + 48, rest));
                sum += Back(end, end + 16, end + 32, end + 48, end + 64, scale);
                if (g is not null) new ReadOnlySpan<float>(end + 32, rest).CopyTo(new Span<float>(dg + whole, rest));
                new ReadOnlySpan<float>(end + 48, rest).CopyTo(new Span<float>(du + whole, rest));
                new ReadOnlySpan<float>(end + 64, rest).CopyTo(new Span<float>(h + whole, rest));
            }

            if (_dScales is not null) _dScales[r] = Vector512.Sum(sum);
        }
    }

    private Vector512<float> Hidden(Vector512<float> gate, Vector512<float> up) =>
        _spec.Form == ExpertForm.Glu ? Epilogues.Glu(_spec, gate, up) : Epilogues.Apply(_spec.Activation, (float)_spec.Alpha, up);

    // Sixteen numbers: returns the products whose sum is the gradient of the scale.
    private Vector512<float> Back(float* gate, float* up, float* dGate, float* dUp, float* hidden, float scale)
    {
        var s = Vector512.Create(scale);
        var d = Vector512.Load(dUp);
        var u = Vector512.Load(up);
        Vector512<float> h;
        if (_spec.Form != ExpertForm.Glu)
        {
            h = Epilogues.Apply(_spec.Activation, (float)_spec.Alpha, u);
            (s * d * Epilogues.Slope(_spec.Activation, (float)_spec.Alpha, u)).Store(dUp);
        }
        else
        {
            var g = Vector512.Load(gate);
            var passesGate = Vector512<float>.AllBitsSet;
            var passesUp = Vector512<float>.AllBitsSet;
            if (_spec.Limit is { } limit)
            {
                var most = Vector512.Create((float)limit);
                passesGate = Vector512.LessThanOrEqual(g, most);
                passesUp = Vector512.LessThanOrEqual(Vector512.Abs(u), most);
                g = Vector512.Min(g, most);
                u = Vector512.Min(Vector512.Max(u, -most), most);
            }

            if (_spec.UpOffset != 0) u += Vector512.Create((float)_spec.UpOffset);
            var a = Epilogues.Apply(_spec.Activation, (float)_spec.Alpha, g);
            h = a * u;
            (Vector512.BitwiseAnd(passesUp, s * d * a)).Store(dUp);
            (Vector512.BitwiseAnd(passesGate, s * d * u * Epilogues.Slope(_spec.Activation, (float)_spec.Alpha, g))).Store(dGate);
        }

        (s * h).Store(hidden);
        return d * h;
    }

    private static void Add(ReadOnlySpan<float> from, Span<float> to, float scale)
    {
        fixed (float* f = from, t = to) Tiles.Put(f, from.Length, scale, t, adds: true);
    }
}
