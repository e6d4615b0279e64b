using MoE.Diagnostics;

namespace MoE.Onnx;

/// <summary>
/// Compares engines that run one layer, on random and on adversarial inputs: one token and many, none, repeated and zero rows, huge and tiny ones, and tokens whose last chosen expert ties with the next.
/// </summary>
/// <remarks>
/// A token may go to other experts only where its routing margin is within rounding (1e-5, or 16 roundings of the products of a logit): such tokens are reported, and their outputs, which come from other experts, are not compared.
/// </remarks>
public static class OnnxVerifier
{
    // Products of a reference in double precision up to which it is run: some seconds.
    private const double ReferenceProducts = 1.5e9;

    /// <summary>Compares two engines.</summary>
    /// <param name="actual">The engine in question. One that reports no routing is compared by its outputs.</param>
    /// <param name="expected">The engine that is taken at its word; it runs the same layer and routes.</param>
    /// <param name="weights">The layer's weights, which tell how large the terms of a number are.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="cancellation">Asks to stop.</param>
    /// <exception cref="ArgumentException">The engines run layers of other sizes, or weights are missing.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public static OnnxVerification Verify(IMoEEngine actual, IMoEEngine expected, IWeightSource weights, OnnxVerifyOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(weights);
        options ??= new OnnxVerifyOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Tokens, nameof(options));
        var spec = expected.Spec;
        if (actual.Spec.Width != spec.Width || actual.Spec.Router.Experts != spec.Router.Experts)
            throw new ArgumentException($"actual has width {actual.Spec.Width} and {actual.Spec.Router.Experts} experts; must have {spec.Width} and {spec.Router.Experts}, as expected has", nameof(actual));
        var logits = new LogitTerms(spec.Router, weights, spec.RouterBias);
        if (options.Given.Length % spec.Width != 0) throw new ArgumentException($"given has {options.Given.Length} values; must be a multiple of width ({spec.Width})", nameof(options));
        var outputs = new OutputTerms(spec, weights);
        var batches = new List<OnnxVerifiedBatch>();
        foreach (var (name, tokens) in VerifyInputs.Of(logits, options))
        {
            cancellation.ThrowIfCancellationRequested();
            var mine = new float[tokens.Length];
            var theirs = new float[tokens.Length];
            var (routing, known) = Run(expected, tokens, theirs);
            cancellation.ThrowIfCancellationRequested();
            var (other, otherKnown) = Run(actual, tokens, mine);
            var sizes = outputs.Of(tokens, (SparseRouting)routing!, cancellation);
            batches.Add(Compare(name, spec, tokens, (theirs, (SparseRouting)routing!), (mine, other), known && otherKnown, logits, sizes, options.Tolerance));
        }

        return new OnnxVerification { Expected = expected.Name, Actual = actual.Name, Tolerance = options.Tolerance, Batches = batches };
    }

    /// <summary>Compares a served router with the reference router.</summary>
    /// <param name="actual">The gate in question.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="bias">The scorer has a bias.</param>
    /// <param name="options">Null: the defaults; outputs have no part in it.</param>
    /// <param name="cancellation">Asks to stop.</param>
    internal static OnnxVerification Verify(OnnxGate actual, IWeightSource weights, bool bias, OnnxVerifyOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new OnnxVerifyOptions();
        var logits = new LogitTerms(actual.Spec, weights, bias);
        float[]? Values(string name, bool given) => given ? WeightShares.Whole(weights, name) : null;
        var expected = new LinearGate(actual.Spec, Values(WeightNames.Router, true)!, Values(WeightNames.RouterBias, bias), Values(WeightNames.SelectionBias, actual.Spec.UsesSelectionBias));
        var batches = new List<OnnxVerifiedBatch>();
        foreach (var (name, tokens) in VerifyInputs.Of(logits, options))
        {
            cancellation.ThrowIfCancellationRequested();
            var input = new GateInput(tokens, logits.Width);
            batches.Add(Compare(name, null, tokens, ([], (SparseRouting)expected.Route(input)), ([], actual.Route(input)), certain: true, logits, ([], []), options.Tolerance));
        }

        return new OnnxVerification { Expected = expected.Name, Actual = actual.Name, Tolerance = options.Tolerance, Batches = batches };
    }

    /// <summary>The engine that an exported layer is held against: the reference where its plain double-precision code takes seconds, the managed kernels beyond.</summary>
    internal static IMoEEngine Oracle(MoELayerSpec spec, IWeightSource weights, OnnxVerifyOptions options)
    {
        // Nothing is dropped by what can be exported.
        spec = spec with { PassDropped = false };
        double tokens = options.Tokens + 64, products = tokens * spec.Width * ((spec.Router.TopK * (double)spec.Expert.Width) + (spec.Shared?.Width ?? 0)) * 3;
        return products <= ReferenceProducts || MoEFeedForward.Unsupported(spec).Any() ? new ReferenceLayer(spec, weights) : new ManagedMoEEngine(spec, weights);
    }

    // The routing, and whether it is what the run itself used: an engine may score twice, and a tie falls otherwise the second time.
    private static (Routing? Routing, bool Certain) Run(IMoEEngine engine, float[] tokens, float[] output)
    {
        switch (engine)
        {
            case OnnxMoELayer { HasRouting: true } layer:
                return (layer.ForwardAndRoute(tokens, output), true);
            case ReferenceLayer reference:
                return (reference.Forward(new GateInput(tokens, engine.Spec.Width), output), true);
            default:
                engine.Forward(tokens, output);
                return (engine is OnnxMoELayer { CanRoute: false } ? null : engine.Route(tokens), false);
        }
    }

    private static OnnxVerifiedBatch Compare(string name, MoELayerSpec? spec, float[] tokens, (float[] Output, SparseRouting Routing) expected, (float[] Output, Routing? Routing) actual, bool certain, LogitTerms logits, (float[] Sums, float[] Norms) sizes, OnnxTolerance tolerance)
    {
        double[] errors = logits.Errors(tokens);
        var (margins, clear, faint, weightErrors) = logits.Margins(tokens, errors);
        IReadOnlyList<TokenChange> changes = actual.Routing is null ? [] : RoutingDiff.Between(expected.Routing, actual.Routing, margins).Places[0].Changes;
        var elsewhere = changes.Select(static c => c.Token).ToHashSet();
        int undecided = 0;
        double largest = 0, worst = 0;
        for (int t = 0; spec is not null && t < margins.Length; t++)
        {
            if (elsewhere.Contains(t)) continue;
            double rowLargest = 0, rowWorst = 0;
            for (int i = t * spec.Width; i < (t + 1) * spec.Width; i++)
            {
                // A weight is off by at most as much, relatively, as its logit is absolutely; two logits have a part in it.
                double difference = Math.Abs((double)actual.Output[i] - expected.Output[i]), allowed = tolerance.Of(expected.Output[i], sizes.Sums[i], sizes.Norms[i], 2 * weightErrors[t]);
                rowLargest = Larger(rowLargest, difference);
                rowWorst = Larger(rowWorst, difference / allowed);
            }

            if ((faint[t] || (!certain && !clear[t])) && !(rowWorst <= 1))
            {
                undecided++;
                continue;
            }

            largest = Larger(largest, rowLargest);
            worst = Larger(worst, rowWorst);
        }

        var (weight, weightWorst) = actual.Routing is null ? (null, null) : Weights(expected.Routing, actual.Routing, t => elsewhere.Contains(t) || faint[t], weightErrors);
        return new OnnxVerifiedBatch
        {
            Name = name,
            Tokens = margins.Length,
            MaxDifference = largest,
            OfTolerance = worst,
            MaxWeightDifference = weight,
            WeightsOfTolerance = weightWorst,
            Differently = changes,
            ClearlyDifferently = changes.Count(c => clear[c.Token]),
            Undecided = undecided,
        };
    }

    private static (double? Largest, double? Worst) Weights(Routing expected, Routing actual, Func<int, bool> skip, double[] errors)
    {
        float[] mine = actual.ToDenseWeights(), theirs = expected.ToDenseWeights();
        double largest = 0, worst = 0;
        for (int i = 0; i < mine.Length; i++)
        {
            int t = i / expected.ExpertCount;
            if (skip(t)) continue;
            double difference = Math.Abs((double)mine[i] - theirs[i]);
            largest = Larger(largest, difference);
            worst = Larger(worst, difference / (2e-6 + ((2e-5 + (2 * errors[t])) * Math.Abs(theirs[i]))));
        }

        return (largest, worst);
    }

    // A NaN stays, whichever side it comes from.
    private static double Larger(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : Math.Max(a, b);
}
