using MoE.Onnx;
using MoE.Samples.Digits;
using MoE.Samples.Frame;
using MoE.Samples.Papers.Quickstart;
using MoE.Torch;
using TorchSharp;

namespace MoE.Samples.Serving;

/// <summary>From a trained layer to served ones: trains the quickstart's layer, exports it in every form, serves each, and holds it against torch.</summary>
public sealed class ServeRun
{
    /// <summary>Where the files go.</summary>
    public required string Folder { get; init; }

    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Calls of each caller.</summary>
    public int Calls { get; init; } = 2000;

    /// <summary>Version of the standard operators.</summary>
    public int Opset { get; init; } = OnnxOpset.Newest;

    /// <summary>Draws the split, the weights and the order.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Runs.</summary>
    /// <param name="images">The digits; a third is held out.</param>
    /// <param name="say">Told what was exported, as text.</param>
    /// <param name="progress">Shows how far the training is.</param>
    /// <param name="cancellation">Asks to stop.</param>
    public IReadOnlyList<ServedRow> Run(DigitImages images, Action<string> say, RunProgress progress, CancellationToken cancellation)
    {
        using var one = OneThread.Begin();
        using var scope = torch.NewDisposeScope();
        using var split = DigitSplit.Draw(images, parts: 3, Seed);
        var recipe = new Recipe(Seeds: 1, Epochs, Rates: [0.02]);
        using var trained = Tuning.Train(() => new MoEClassifier(recipe.Balancing), split, recipe, Seed, fraction =>
        {
            cancellation.ThrowIfCancellationRequested();
            progress.Report(fraction);
        });
        var classifier = (MoEClassifier)trained.Model;
        say($"trained for {Epochs} epochs: {DigitTraining.Accuracy(classifier, split.TestImages, split.TestLabels):0.0} % of {split.Test.Count} held-out images");
        return Serve(classifier.Layer, split.Test.Pixels, say, cancellation);
    }

    private List<ServedRow> Serve(MoELayer layer, float[] tokens, Action<string> say, CancellationToken cancellation)
    {
        var spec = layer.Spec!;
        var weights = layer.export_weights();
        using var reference = new TorchMoEEngine(layer);
        var verify = new OnnxVerifyOptions { Seed = Seed, Given = tokens };
        var rows = new List<ServedRow> { new("torch, callers in turn", null, null, Time([.. Enumerable.Repeat(reference, CallerTimes.Callers)])) };

        var managed = Enumerable.Range(0, CallerTimes.Callers).Select(_ => new ManagedMoEEngine(spec, weights)).ToArray();
        try
        {
            rows.Add(new("managed, an engine each", null, OnnxVerifier.Verify(managed[0], reference, weights, verify, cancellation), Time(managed)));
        }
        finally
        {
            foreach (var engine in managed) engine.Dispose();
        }

        Directory.CreateDirectory(Folder);
        foreach (var (name, form, format) in Exports)
        {
            string path = Path.Combine(Folder, $"digits.{name}.onnx");
            var options = new OnnxExportOptions { Form = form, Layer = new OnnxLayerOptions { Opset = Opset, Format = format }, Verify = verify };
            var report = OnnxExporter.Export(spec, weights, path, options, cancellation: cancellation);
            say(report.ToText());
            // Layers this small run fastest on the caller's own thread.
            using var served = OnnxMoELayer.Load(path, new OnnxEngineOptions { IntraOpThreads = 1 });
            var against = OnnxVerifier.Verify(served, reference, weights, verify, cancellation);
            rows.Add(new($"onnx {name}", report.Files.Sum(static f => f.Bytes), against, Time([.. Enumerable.Repeat(served, CallerTimes.Callers)]), report.Verification!.QuantizationError));
        }

        return rows;

        CallerTimes Time(IReadOnlyList<IMoEEngine> engines) => CallerTimes.Of(engines, tokens, Calls, cancellation);
    }

    private static (string Name, OnnxLayerForm Form, WeightFormat Format)[] Exports =>
    [
        ("portable", OnnxLayerForm.Portable, default),
        ("loop", OnnxLayerForm.Loop, default),
        ("contrib", OnnxLayerForm.Contrib, default),
        ("qmoe-int8", OnnxLayerForm.Quantized, WeightFormat.Int8PerRow),
        ("qmoe-int4", OnnxLayerForm.Quantized, WeightFormat.Int4PerBlock),
    ];
}
