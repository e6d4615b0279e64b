using System.Diagnostics;
using MoE.Checkpoints;
using MoE.Diagnostics;
using MoE.Onnx;
using MoE.Samples.Numerics;
using MoE.Torch;
using TorchSharp;

namespace MoE.Samples.Inspecting;

/// <summary>Runs one layer of a checkpoint through every engine on the same random tokens.</summary>
internal static class EngineComparison
{
    // The reference is plain scalar code: as many tokens as take it some seconds.
    private const double Products = 4e9;

    /// <summary>How many tokens a layer is tried on.</summary>
    public static int Tokens(LayerFacts facts) => (int)Math.Clamp(Products / facts.Active, 4, 64);

    /// <summary>Compares; engines are made one after the other, so that one copy of the layer is in memory at a time beside the file.</summary>
    public static IReadOnlyList<EngineResult> Run(HuggingFaceCheckpoint model, LayerFacts facts, CancellationToken cancellation)
    {
        var weights = model.Layer(facts.Layer);
        var (spec, count) = (weights.Spec, Tokens(facts));
        var draws = new Draws(1, facts.Layer);
        var tokens = new float[count * spec.Width];
        for (int i = 0; i < tokens.Length; i++) tokens[i] = (float)draws.Normal();
        var expected = new float[tokens.Length];
        Routing routing;
        float[] margins;
        using (var reference = new ReferenceLayer(spec, weights))
        {
            reference.Forward(tokens, expected);
            routing = reference.Route(tokens);
            margins = Margins(weights, model.Router(facts.Layer), tokens, routing);
        }

        (string Name, Func<IMoEEngine> Make)[] engines =
        [
            ("managed", () => new ManagedMoEEngine(spec, weights, Environment.ProcessorCount)),
            ("torch", () => new OwnedTorchEngine(MoELayer.FromPretrained(model.Folder, facts.Layer, torch.ScalarType.Float32, cancellation: cancellation))),
            ("onnx, portable", () => OnnxMoELayer.Create(spec, weights, OnnxLayerForm.Portable)),
            ("onnx, contrib", () => OnnxMoELayer.Create(spec, weights, OnnxLayerForm.Contrib)),
        ];
        var results = new List<EngineResult>();
        foreach (var (name, make) in engines)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                using var engine = make();
                results.Add(Compare(name, engine, tokens, expected, routing, margins));
            }
            catch (Exception e) when (e is SpecException or OnnxExportException or NotSupportedException or ArgumentException or DllNotFoundException or OutOfMemoryException)
            {
                results.Add(EngineResult.Refused(name, e.Message));
            }
        }

        return results;
    }

    private static EngineResult Compare(string name, IMoEEngine engine, float[] tokens, float[] expected, Routing routing, float[] margins)
    {
        var output = new float[tokens.Length];
        engine.Forward(tokens, output);
        var watch = Stopwatch.StartNew();
        engine.Forward(tokens, output);
        double milliseconds = watch.Elapsed.TotalMilliseconds;
        double typical = Math.Sqrt(expected.Average(static v => (double)v * v)), worst = 0;
        int beyond = 0;
        for (int i = 0; i < output.Length; i++)
        {
            double difference = Math.Abs((double)output[i] - expected[i]);
            worst = Math.Max(worst, difference);
            if (!(difference <= 1e-5 + 1e-4 * Math.Max(typical, Math.Abs(expected[i])))) beyond++;
        }

        var changes = RoutingDiff.Between(routing, engine.Route(tokens), margins).Places[0].Changes;
        return new EngineResult(name, null, worst, beyond, changes.Count, changes.Count == 0 ? 0 : changes.Max(static c => (double)(c.MarginBefore ?? 0)), milliseconds);
    }

    private static float[] Margins(CheckpointLayer weights, LinearGate gate, float[] tokens, Routing routing)
    {
        var bias = new float[weights.Spec.Router.UsesSelectionBias ? weights.Spec.Router.Experts : 0];
        if (bias.Length > 0) weights.Read(WeightNames.SelectionBias, 0, bias);
        float[] logits = gate.Logits(new GateInput(tokens, weights.Spec.Width)), scores = new float[logits.Length];
        ReferenceRouter.SelectionScores(logits, weights.Spec.Router, new RouteOptions { SelectionBias = bias }, scores);
        return RoutingStatistics.Margins(routing, scores);
    }

    /// <summary>An engine that owns its layer.</summary>
    private sealed class OwnedTorchEngine(MoELayer layer) : IMoEEngine
    {
        private readonly TorchMoEEngine _engine = new(layer);

        public string Name => _engine.Name;

        public MoELayerSpec Spec => _engine.Spec;

        public Routing Route(ReadOnlySpan<float> tokens) => _engine.Route(tokens);

        public void Forward(ReadOnlySpan<float> tokens, Span<float> output) => _engine.Forward(tokens, output);

        public void Dispose()
        {
            _engine.Dispose();
            layer.Dispose();
        }
    }
}
