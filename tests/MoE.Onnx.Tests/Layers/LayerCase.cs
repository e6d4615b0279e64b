namespace MoE.Onnx.Tests;

/// <summary>A layer with seeded weights and inputs, held against the managed reference.</summary>
internal sealed class LayerCase
{
    public LayerCase(MoELayerSpec spec, int seed = 1, float routerScale = 1)
    {
        Spec = spec;
        Weights = new WeightDictionary();
        var random = new Random(seed);
        foreach (var (name, shape) in WeightNames.Of(spec))
        {
            // Logits with a spread, hidden values of order one.
            float scale = name == WeightNames.Router ? routerScale : shape.Length == 3 || name.StartsWith("shared", StringComparison.Ordinal) ? 1.5f / MathF.Sqrt(shape[^1]) : 0.5f;
            Weights.Add(name, Values(random, shape.Aggregate(1, static (a, b) => a * b), scale), shape);
        }
    }

    private LayerCase(MoELayerSpec spec, WeightDictionary weights)
    {
        Spec = spec;
        Weights = weights;
    }

    /// <summary>The forms that hold single precision.</summary>
    public static OnnxLayerForm[] SingleForms { get; } = [OnnxLayerForm.Portable, OnnxLayerForm.Loop, OnnxLayerForm.Contrib];

    public MoELayerSpec Spec { get; }

    public WeightDictionary Weights { get; }

    /// <summary>The same layer with one tensor replaced.</summary>
    public LayerCase With(string replaced, float[] values)
    {
        var weights = new WeightDictionary();
        foreach (string name in Weights.Names)
        {
            Assert.True(Weights.TryGet(name, out var tensor));
            weights.Add(name, name == replaced ? values : tensor.ToSingles(), tensor.Shape.ToArray());
        }

        return new LayerCase(Spec, weights);
    }

    public static MoELayerSpec Layer(int experts = 5, int k = 2, int width = 7, int inner = 9, Activation activation = Activation.Silu, ExpertForm form = ExpertForm.Glu, bool biases = false) => new()
    {
        Width = width,
        Router = new RouterSpec { Experts = experts, Select = new TopKSelection { K = k }, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } },
        Expert = new ExpertSpec { Width = inner, Form = form, Activation = activation, Biases = biases },
    };

    public float[] Tokens(int count, int seed = 2) => Values(new Random(seed), count * Spec.Width, 1);

    /// <summary>Runs the form and compares output and routing with the reference, on the tolerances of the conformance suite.</summary>
    public void Check(OnnxLayerForm form, int tokens, bool routingOutputs = true, int seed = 2, int opset = OnnxOpset.Newest)
    {
        byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(Spec, Weights, form, new OnnxLayerOptions { RoutingOutputs = routingOutputs, Opset = opset }));
        using var engine = OnnxMoELayer.Load(model, new OnnxEngineOptions { IntraOpThreads = 1 });
        using var reference = new ReferenceLayer(Spec, Weights);
        float[] x = Tokens(tokens, seed), actual = new float[x.Length], expected = new float[x.Length];
        reference.Forward(x, expected);
        if (routingOutputs)
        {
            var routing = (TopKRouting)engine.ForwardAndRoute(x, actual);
            RoutingsAreEqual((TopKRouting)reference.Route(x), routing);
            OutputsAreClose(expected, actual);
            Array.Fill(actual, float.NaN);
        }

        engine.Forward(x, actual);
        OutputsAreClose(expected, actual);
    }

    public static void OutputsAreClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) => AreClose(expected, actual, 1e-5, 1e-4, "output");

    public static void RoutingsAreEqual(TopKRouting expected, TopKRouting actual)
    {
        Assert.Equal(expected.ExpertIds.ToArray(), actual.ExpertIds.ToArray());
        AreClose(expected.Weights, actual.Weights, 2e-6, 2e-5, "weights");
    }

    private static void AreClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double absolute, double relative, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            // Written so that a NaN fails.
            if (!(Math.Abs(expected[i] - actual[i]) <= absolute + (relative * Math.Abs(expected[i]))))
                Assert.Fail($"{what}[{i}] is {actual[i]:R}; must be {expected[i]:R}");
        }
    }

    private static float[] Values(Random random, int count, float scale)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++) values[i] = ((float)random.NextDouble() - 0.5f) * 2 * scale;
        return values;
    }
}
