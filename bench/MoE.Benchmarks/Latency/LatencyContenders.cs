using MoE.Onnx;
using MoE.Torch;
using TorchSharp;

namespace MoE.Benchmarks;

/// <summary>Who is called by several callers at once.</summary>
internal static class LatencyContenders
{
    private const string Fp32 = "fp32";

    /// <summary>Name, type of weights, and how it is opened for a number of callers on a number of processors: an engine for each caller, which may be the same one.</summary>
    public static IReadOnlyList<(string Name, string DType, Func<LayerModel, int, IReadOnlyList<IMoEEngine>> Open)> All { get; } =
    [
        // The callers bring the threads; the packed weights are one file, mapped by each.
        ("moe", Fp32, static (model, callers) => Mapped(model, callers, ExpertPrecision.Single)),
        ("moe-one-engine", Fp32, static (model, callers) => Same(new ManagedMoEEngine(model.Layer.Spec!, model.Weights, Environment.ProcessorCount), callers)),
        ("torch", Fp32, static (model, callers) => Same(Torch(model), callers)),
        ("ort-unrolled", Fp32, static (model, callers) => Same(Ort(model, OnnxLayerForm.Portable), callers)),
        ("ort-loop", Fp32, static (model, callers) => Same(Ort(model, OnnxLayerForm.Loop), callers)),
        ("ort-moe", Fp32, static (model, callers) => Same(Ort(model, OnnxLayerForm.Contrib), callers)),
        ("moe", "int8", static (model, callers) => Mapped(model, callers, new(WeightFormat.Int8PerBlock, ActivationFormat.Int8))),
        ("ort-qmoe", "int8", static (model, callers) => Same(Ort(model, OnnxLayerForm.Quantized, WeightFormat.Int8PerBlock), callers)),
        ("moe", "int4", static (model, callers) => Mapped(model, callers, new(WeightFormat.Int4PerBlock, ActivationFormat.Int8))),
        ("ort-qmoe", "int4", static (model, callers) => Same(Ort(model, OnnxLayerForm.Quantized, WeightFormat.Int4PerBlock), callers)),
    ];

    private static List<IMoEEngine> Same(IMoEEngine engine, int callers) => [.. Enumerable.Repeat(engine, callers)];

    private static List<IMoEEngine> Mapped(LayerModel model, int callers, ExpertPrecision precision)
    {
        string file = Path.Combine(Path.GetTempPath(), $"moe-latency-{Environment.ProcessId}.moe");
        try
        {
            using (var packed = new ManagedMoEEngine(model.Layer.Spec!, model.Weights, 1, precision)) packed.Save(file);
            return [.. Enumerable.Range(0, callers).Select(_ => ManagedMoEEngine.Open(file))];
        }
        finally
        {
            // A mapped file lives on until it is let go, except on Windows, where it is then left for the system to clear.
            if (!OperatingSystem.IsWindows()) File.Delete(file);
        }
    }

    private static TorchMoEEngine Torch(LayerModel model)
    {
        torch.set_num_threads(Environment.ProcessorCount);
        ((StackedExperts)model.Layer.Experts).ManagedKernels = false;
        return new TorchMoEEngine(model.Layer);
    }

    // Equal logits go to ONNX Runtime's own choice, so that its operators need no router in front of them; the inputs hold no equal logits.
    private static OnnxMoELayer Ort(LayerModel model, OnnxLayerForm form, WeightFormat format = WeightFormat.Int8PerBlock)
    {
        var spec = model.Config.ToLayerSpec();
        var layer = new OnnxLayerOptions { RoutingOutputs = false, Format = format, Activations = form == OnnxLayerForm.Quantized ? ActivationFormat.Int8 : ActivationFormat.Single };
        return OnnxMoELayer.Create(spec with { Router = spec.Router with { Ties = TieRule.HighestIndex } }, model.Weights, form, new OnnxEngineOptions { IntraOpThreads = 1 }, layer);
    }
}
