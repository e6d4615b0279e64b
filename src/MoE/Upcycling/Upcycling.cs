namespace MoE;

/// <summary>Dense feed-forward blocks into mixtures of experts.</summary>
public static class Upcycling
{
    private const string RouterRows = "upcycling.router", Neurons = "upcycling.neurons", Drawn = "upcycling.drawn";

    /// <summary>Makes the layer. Biases of the selection start at zero.</summary>
    /// <param name="spec">How.</param>
    /// <param name="dense">The tensors of <see cref="WeightNames.OfDense"/>.</param>
    /// <remarks>
    /// With virtual groups (or granularity 1), nothing drawn anew and <see cref="UpcyclingScale.Down"/>, the layer's output is the block's, up to rounding, wherever a token's weights have the sum that they have with equal logits:
    /// for every input where the gate normalises its weights, and at the start otherwise, as far as the router's rows are small. With one choice of weight one and granularity 1 it is the block's to the last bit.
    /// </remarks>
    /// <exception cref="SpecException">The spec has problems; all are named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing or have the wrong shape; all of them are named.</exception>
    public static ConvertedLayer Convert(UpcyclingSpec spec, IWeightSource dense)
    {
        ArgumentNullException.ThrowIfNull(spec);
        SpecException.ThrowIfAny(spec.Validate());
        var block = LayerWeights.Load(WeightNames.OfDense(spec.Block, spec.Width), dense);
        var layer = spec.Layer.Checked();
        int e = layer.Router.Experts, d = spec.Width;
        double factor = Factor(spec);
        bool glu = spec.Block.Form == ExpertForm.Glu;
        double each = spec.Scale != UpcyclingScale.Spread ? 1 : glu ? Math.Cbrt(factor) : Math.Sqrt(factor), down = spec.Scale == UpcyclingScale.Spread ? each : factor;

        var weights = new WeightDictionary().Add(WeightNames.Router, Router(spec), e, d);
        if (layer.Router.UsesSelectionBias) weights.Add(WeightNames.SelectionBias, new float[e], e);
        foreach (var (name, shape) in WeightNames.Of(layer))
        {
            float[]? values = name switch
            {
                WeightNames.ExpertGate => Rows(spec, block.Get(WeightNames.DenseGate)!, d, each),
                WeightNames.ExpertUp => Rows(spec, block.Get(WeightNames.DenseUp)!, d, each),
                WeightNames.ExpertDown => Columns(spec, block.Get(WeightNames.DenseDown)!, down),
                WeightNames.ExpertGateBias => Rows(spec, block.Get(WeightNames.DenseGateBias)!, 1, each),
                WeightNames.ExpertUpBias => Rows(spec, block.Get(WeightNames.DenseUpBias)!, 1, each),
                // A group's G experts add it up.
                WeightNames.ExpertDownBias => [.. Enumerable.Range(0, e).SelectMany(_ => block.Get(WeightNames.DenseDownBias)!.Select(v => (float)(v * factor / spec.Granularity)))],
                _ => null,
            };
            if (values is not null) weights.Add(name, values, shape);
        }

        if (spec.ReinitializedShare > 0) Reinitialize(spec, weights, glu);
        return new ConvertedLayer(layer, weights);
    }

    // G over what the weights of a token with equal logits sum to. Megatron-LM: G for a softmax over the chosen, E G / k for one over all.
    private static double Factor(UpcyclingSpec spec)
    {
        if (spec.Scale == UpcyclingScale.None) return 1;
        var evaluated = spec.Router with { Dispatch = DispatchSpec.Dropless, Noise = null };
        double sum = 0;
        foreach (float w in ReferenceRouter.Route(new float[spec.Router.Experts], evaluated, new RouteOptions { SelectionBias = spec.Router.UsesSelectionBias ? new float[spec.Router.Experts] : [] }).Weights) sum += w;
        return sum > 0 ? spec.Granularity / sum : throw new SpecException([new SpecProblem("router.weigh", sum.ToString(System.Globalization.CultureInfo.InvariantCulture), "the weights of a token with equal logits must have a positive sum; use scale None")]);
    }

    private static float[] Router(UpcyclingSpec spec)
    {
        int e = spec.Router.Experts, d = spec.Width, share = spec.VirtualGroups ? spec.Granularity : 1;
        float[] drawn = new float[e / share * d], rows = new float[e * d];
        new SeededNoise(spec.Seed).Fill(RouterRows, 0, NoiseKind.Normal, drawn);
        for (int i = 0; i < rows.Length; i++) rows[i] = (float)(spec.RouterDeviation * drawn[i / d / share * d + i % d]);
        return rows;
    }

    // Of [F, columns]: expert e has the rows of shard e mod G.
    private static float[] Rows(UpcyclingSpec spec, float[] dense, int columns, double scale)
    {
        int part = dense.Length / spec.Granularity;
        var all = new float[spec.Router.Experts * part];
        for (int e = 0; e < spec.Router.Experts; e++)
        {
            var shard = dense.AsSpan(e % spec.Granularity * part, part);
            for (int i = 0; i < part; i++) all[e * part + i] = (float)(scale * shard[i]);
        }

        return all;
    }

    // Of [D, F]: expert e has the columns of shard e mod G.
    private static float[] Columns(UpcyclingSpec spec, float[] dense, double scale)
    {
        int f = spec.Block.Width, part = f / spec.Granularity, d = spec.Width;
        var all = new float[spec.Router.Experts * d * part];
        for (int e = 0; e < spec.Router.Experts; e++)
        {
            for (int row = 0; row < d; row++)
            {
                var shard = dense.AsSpan(row * f + e % spec.Granularity * part, part);
                for (int i = 0; i < part; i++) all[(e * d + row) * part + i] = (float)(scale * shard[i]);
            }
        }

        return all;
    }

    private static void Reinitialize(UpcyclingSpec spec, WeightDictionary weights, bool glu)
    {
        int f = spec.Block.Width / spec.Granularity, d = spec.Width, count = (int)Math.Round(spec.ReinitializedShare * f);
        var noise = new SeededNoise(spec.Seed);
        float[] order = new float[f];
        int[] neurons = new int[f];
        for (int e = 0; e < spec.Router.Experts && count > 0; e++)
        {
            noise.Fill(Neurons, e, NoiseKind.Uniform, order);
            for (int i = 0; i < f; i++) neurons[i] = i;
            Array.Sort((float[])order.Clone(), neurons);
            // A neuron is a row of gate and up and a column of down.
            if (glu) Redraw(weights.Values(WeightNames.ExpertGate), neurons.AsSpan(0, count), d, e * f * d, d, 1);
            Redraw(weights.Values(WeightNames.ExpertUp), neurons.AsSpan(0, count), d, e * f * d, d, 1);
            Redraw(weights.Values(WeightNames.ExpertDown), neurons.AsSpan(0, count), d, e * d * f, 1, f);
        }

        void Redraw(float[] values, ReadOnlySpan<int> chosen, int length, int start, int neuronStep, int step)
        {
            double sum = 0, squares = 0, n = (double)chosen.Length * length;
            foreach (int neuron in chosen)
            {
                for (int i = 0; i < length; i++)
                {
                    double v = values[start + neuron * neuronStep + i * step];
                    sum += v;
                    squares += v * v;
                }
            }

            double mean = sum / n, deviation = Math.Sqrt(Math.Max(0, squares / n - mean * mean));
            float[] drawn = new float[chosen.Length * length];
            // One stream per expert and matrix.
            noise.Fill($"{Drawn}.{(neuronStep == 1 ? "down" : ReferenceEquals(values, weights.Values(WeightNames.ExpertUp)) ? "up" : "gate")}", start, NoiseKind.Normal, drawn);
            for (int c = 0; c < chosen.Length; c++)
            {
                for (int i = 0; i < length; i++) values[start + chosen[c] * neuronStep + i * step] = (float)(mean + deviation * drawn[c * length + i]);
            }
        }
    }
}
