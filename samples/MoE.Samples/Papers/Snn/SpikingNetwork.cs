using System.Numerics;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Snn;

/// <summary>
/// The network of Diehl and Cook (2015) as released for place recognition: Poisson inputs, n excitatory neurons that learn by spike timing, n inhibitory ones that each silence all others. Steps of 0.5 ms; conductances decay exactly and
/// act with their mean over a step. Potentials in mV, times in ms. Not safe for concurrent use; equal seeds give equal bits.
/// </summary>
public sealed class SpikingNetwork
{
    /// <summary>Milliseconds of a presentation and of the rest after it.</summary>
    public const int Shown = 350, Rest = 150;

    /// <summary>What the weights into a neuron sum to before each training image.</summary>
    public const float ColumnSum = 78;

    private const float Step = 0.5f, ToInhibitory = 10.4f, ToOthers = 17, RisePre = 1e-4f, RisePost = 0.01f, RiseThreshold = 0.05f;
    private const int RefractoryExcitatory = (int)(5 / Step), RefractoryInhibitory = (int)(2 / Step), Never = int.MinValue / 2;
    private static readonly float s_decayE = Decay(1), s_decayI = Decay(2), s_meanE = Mean(1), s_meanI = Mean(2), s_decayPost = Decay(20);

    // The trace of a spike by its age in steps; after 200 ms (exp(-10)) there is none.
    private static readonly float[] s_trace = [.. Enumerable.Range(0, (int)(200 / Step)).Select(static age => MathF.Exp(-age * Step / 20))];

    private readonly int _width;
    private readonly float[] _weights;
    private readonly float[] _theta;
    private readonly float[] _v, _ge, _gi, _post;
    private readonly float[] _vInhibitory, _geInhibitory;
    private readonly int[] _quiet, _quietInhibitory, _lastPost, _lastPre;
    private readonly int[] _stepOf = new int[(int)(Shown / Step) + 1];
    private readonly float[] _sums;
    private readonly List<int> _fired = [];
    private (int Step, int Input)[] _drawn = new (int, int)[4096];
    private int[] _inputs = new int[4096];
    private int _now;

    /// <summary>Makes one with random weights, uniform in 0.003..0.303.</summary>
    /// <param name="inputs">Number of inputs, positive.</param>
    /// <param name="neurons">Number of excitatory neurons, and of inhibitory ones; positive.</param>
    /// <param name="draws">Draws the weights.</param>
    public SpikingNetwork(int inputs, int neurons, Draws draws)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(neurons);
        (Inputs, Neurons) = (inputs, neurons);
        _width = (neurons + Vector<float>.Count - 1) / Vector<float>.Count * Vector<float>.Count;
        _weights = new float[inputs * _width];
        for (int i = 0; i < inputs; i++)
        {
            for (int n = 0; n < neurons; n++) _weights[i * _width + n] = (float)((draws.Uniform() + 0.01) * 0.3);
        }

        float[] Row() => new float[_width];
        (_theta, _v, _ge, _gi, _post, _vInhibitory, _geInhibitory, _sums) = (Row(), Row(), Row(), Row(), Row(), Row(), Row(), Row());
        (_quiet, _quietInhibitory, _lastPost, _lastPre) = (new int[neurons], new int[neurons], new int[neurons], new int[inputs]);
        Array.Fill(_theta, 20);
        // What fills the last vector never fires.
        Array.Fill(_theta, float.MaxValue, neurons, _width - neurons);
        Array.Fill(_v, -65);
        Array.Fill(_vInhibitory, -60);
        Array.Fill(_lastPost, Never);
        Array.Fill(_lastPre, Never);
    }

    /// <summary>Number of inputs.</summary>
    public int Inputs { get; }

    /// <summary>Number of excitatory neurons.</summary>
    public int Neurons { get; }

    /// <summary>The weight from an input to a neuron, 0..1.</summary>
    public float Weight(int input, int neuron) => _weights[input * _width + neuron];

    /// <summary>How far a neuron's threshold lies above -72 mV.</summary>
    public float Threshold(int neuron) => _theta[neuron];

    /// <summary>The potential of a neuron.</summary>
    public float Potential(int neuron) => _v[neuron];

    /// <summary>Scales the weights into each neuron so that they sum to <see cref="ColumnSum"/>.</summary>
    public void Normalize()
    {
        Array.Clear(_sums);
        for (int i = 0; i < Inputs; i++) Add(_sums, _weights.AsSpan(i * _width, _width));
        for (int n = 0; n < Neurons; n++) _sums[n] = _sums[n] > 0 ? ColumnSum / _sums[n] : 1;
        var factors = Vectors(_sums);
        for (int i = 0; i < Inputs; i++)
        {
            var row = Vectors(_weights.AsSpan(i * _width, _width));
            for (int k = 0; k < row.Length; k++) row[k] *= factors[k];
        }
    }

    /// <summary>Shows an image for 350 ms and rests for 150 ms.</summary>
    /// <param name="rates">Spikes per second of each input, [inputs].</param>
    /// <param name="learns">Weights follow spike times, and thresholds rise with every spike.</param>
    /// <param name="draws">Draws the trains.</param>
    /// <param name="counts">[neurons], overwritten: spikes of each excitatory neuron while the image was shown.</param>
    public void Present(ReadOnlySpan<float> rates, bool learns, Draws draws, Span<float> counts)
    {
        if (rates.Length != Inputs) throw new ArgumentException($"rates has {rates.Length} values; must have {Inputs}", nameof(rates));
        if (counts.Length != Neurons) throw new ArgumentException($"counts has {counts.Length} values; must have {Neurons}", nameof(counts));
        counts.Clear();
        Trains(rates, draws);
        for (int s = 0; s < _stepOf.Length - 1; s++) Advance(_inputs.AsSpan(_stepOf[s].._stepOf[s + 1]), learns, counts);
        for (int s = 0; s < (int)(Rest / Step); s++) Advance([], learns, []);
        // Thresholds fall with a time constant of 10^7 ms, in training alone.
        if (learns) for (int n = 0; n < Neurons; n++) _theta[n] *= (float)Math.Exp(-(Shown + Rest) / 1e7);
    }

    private static float Decay(double tau) => (float)Math.Exp(-Step / tau);

    // The mean over a step of what decays from one.
    private static float Mean(double tau) => (float)(tau / Step * (1 - Math.Exp(-Step / tau)));

    // Spike times of all inputs by step: exponential gaps, then a counting sort.
    private void Trains(ReadOnlySpan<float> rates, Draws draws)
    {
        int count = 0, steps = _stepOf.Length - 1;
        Array.Clear(_stepOf);
        for (int i = 0; i < Inputs; i++)
        {
            if (!(rates[i] > 0)) continue;
            for (double t = 0; ;)
            {
                t -= Math.Log(1 - draws.Uniform()) * 1000 / rates[i];
                int step = (int)Math.Min(t / Step, steps);
                if (step >= steps) break;
                if (count == _drawn.Length) Array.Resize(ref _drawn, 2 * count);
                _drawn[count++] = (step, i);
                _stepOf[step + 1]++;
            }
        }

        for (int s = 1; s <= steps; s++) _stepOf[s] += _stepOf[s - 1];
        if (_inputs.Length < count) _inputs = new int[_drawn.Length];
        Span<int> next = stackalloc int[steps];
        _stepOf.AsSpan(0, steps).CopyTo(next);
        for (int k = 0; k < count; k++) _inputs[next[_drawn[k].Step]++] = _drawn[k].Input;
    }

    private void Advance(ReadOnlySpan<int> spikes, bool learns, Span<float> counts)
    {
        _now++;
        Scale(_ge, s_decayE);
        Scale(_gi, s_decayI);
        Scale(_geInhibitory, s_decayE);
        if (learns) Scale(_post, s_decayPost);
        foreach (int input in spikes)
        {
            var row = _weights.AsSpan(input * _width, _width);
            Add(_ge, row);
            if (!learns) continue;
            Span<Vector<float>> weights = Vectors(row), post = Vectors(_post);
            for (int k = 0; k < weights.Length; k++) weights[k] = Vector.Min(Vector<float>.One, weights[k] + RisePre * post[k]);
            _lastPre[input] = _now;
        }

        Excite();
        foreach (int n in _fired) Fire(n, learns, counts);
        Inhibit();
        if (_fired.Count == 0) return;
        // One spike of an inhibitory neuron reaches all but its own partner.
        var others = Vectors(_gi);
        for (int k = 0; k < others.Length; k++) others[k] += new Vector<float>(ToOthers * _fired.Count);
        foreach (int n in _fired) _gi[n] -= ToOthers;
    }

    // dv/dt = ((-65 - v) + ge (0 - v) + gi (-100 - v)) / 100.
    private void Excite()
    {
        _fired.Clear();
        Span<Vector<float>> v = Vectors(_v), ge = Vectors(_ge), gi = Vectors(_gi), theta = Vectors(_theta);
        bool any = false;
        for (int k = 0; k < v.Length; k++)
        {
            v[k] += Step / 100 * (new Vector<float>(-65) - v[k] - s_meanE * ge[k] * v[k] + s_meanI * gi[k] * (new Vector<float>(-100) - v[k]));
            any |= Vector.GreaterThanAny(v[k], theta[k] - new Vector<float>(72));
        }

        for (int n = 0; n < Neurons; n++)
        {
            if (_quiet[n] > 0)
            {
                _quiet[n]--;
                _v[n] = -65;
            }
            else if (any && _v[n] > _theta[n] - 72) _fired.Add(n);
        }
    }

    private void Fire(int n, bool learns, Span<float> counts)
    {
        _v[n] = -65;
        _quiet[n] = RefractoryExcitatory;
        _geInhibitory[n] += ToInhibitory;
        if (!counts.IsEmpty) counts[n]++;
        if (!learns) return;
        float before = _lastPost[n] == Never ? 0 : MathF.Exp(-(_now - _lastPost[n]) * Step / 40);
        for (int i = 0; before > 0 && i < Inputs; i++)
        {
            int age = _now - _lastPre[i];
            if (age >= s_trace.Length) continue;
            ref float weight = ref _weights[i * _width + n];
            weight = Math.Min(1, weight + RisePost * s_trace[age] * before);
        }

        _lastPost[n] = _now;
        _post[n] = 1;
        _theta[n] += RiseThreshold;
    }

    // dv/dt = ((-60 - v) + ge (0 - v)) / 10: nothing inhibits the inhibitory neurons. Leaves those that fired.
    private void Inhibit()
    {
        _fired.Clear();
        Span<Vector<float>> v = Vectors(_vInhibitory), ge = Vectors(_geInhibitory);
        bool any = false;
        for (int k = 0; k < v.Length; k++)
        {
            v[k] += Step / 10 * (new Vector<float>(-60) - v[k] - s_meanE * ge[k] * v[k]);
            any |= Vector.GreaterThanAny(v[k], new Vector<float>(-40));
        }

        for (int n = 0; n < Neurons; n++)
        {
            if (_quietInhibitory[n] > 0)
            {
                _quietInhibitory[n]--;
                _vInhibitory[n] = -45;
            }
            else if (any && _vInhibitory[n] > -40)
            {
                _vInhibitory[n] = -45;
                _quietInhibitory[n] = RefractoryInhibitory;
                _fired.Add(n);
            }
        }
    }

    private static Span<Vector<float>> Vectors(Span<float> values) => System.Runtime.InteropServices.MemoryMarshal.Cast<float, Vector<float>>(values);

    private static void Scale(float[] values, float factor)
    {
        var v = Vectors(values);
        for (int k = 0; k < v.Length; k++) v[k] *= factor;
    }

    private static void Add(float[] to, Span<float> values)
    {
        Span<Vector<float>> sum = Vectors(to), v = Vectors(values);
        for (int k = 0; k < sum.Length; k++) sum[k] += v[k];
    }
}
