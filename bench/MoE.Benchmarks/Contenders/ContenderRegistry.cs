using MoE.Onnx;
using static MoE.Benchmarks.BenchMode;
using static MoE.Benchmarks.ContenderNames;

namespace MoE.Benchmarks;

/// <summary>Who can be measured: one line per contender, mode and type of weights.</summary>
internal static class ContenderRegistry
{
    private static readonly Dictionary<(string Contender, BenchMode Mode, string DType), Func<LayerModel, int, IContender>> Layers = new()
    {
        [(Ours, Infer, "fp32")] = static (model, threads) => new EngineInference(Ours, model, new ManagedMoEEngine(model.Layer.Spec!, model.Weights, threads)),
        [(OurReference, Infer, "fp32")] = static (model, _) => new EngineInference(OurReference, model, new ReferenceLayer(model.Layer.Spec!, model.Weights)),
        [(TorchLoop, Infer, "fp32")] = static (model, threads) => new TorchInference(TorchLoop, model, new TorchLoopForm(model, training: false), threads),
        [(TorchSort, Infer, "fp32")] = static (model, threads) => new TorchInference(TorchSort, model, new TorchSortForm(model, training: false), threads),
        [(OrtMoE, Infer, "fp32")] = static (model, threads) => new OrtInference(OrtMoE, model, OnnxLayerForm.Contrib, threads),
        [(OrtUnrolled, Infer, "fp32")] = static (model, threads) => new OrtInference(OrtUnrolled, model, OnnxLayerForm.Portable, threads),
        [(Ours, Infer, "bf16")] = static (model, threads) => new EngineInference(Ours, model, new ManagedMoEEngine(model.Layer.Spec!, model.Weights, threads, new ExpertPrecision(WeightFormat.BFloat16))),
        [(TorchLoop, Infer, "bf16")] = static (model, threads) => new TorchInference(TorchLoop, model, new TorchLoopForm(model, training: false, TorchSharp.torch.ScalarType.BFloat16), threads),
        [(TorchSort, Infer, "bf16")] = static (model, threads) => new TorchInference(TorchSort, model, new TorchSortForm(model, training: false, TorchSharp.torch.ScalarType.BFloat16), threads),
        [(Ours, Infer, "int8")] = static (model, threads) => new EngineInference(Ours, model, new ManagedMoEEngine(model.Layer.Spec!, model.Weights, threads, new ExpertPrecision(WeightFormat.Int8PerBlock, ActivationFormat.Int8))),
        [(OrtQMoE, Infer, "int8")] = static (model, threads) => new OrtInference(OrtQMoE, model, OnnxLayerForm.Quantized, threads, WeightFormat.Int8PerBlock),
        [(Ours, Infer, "int4")] = static (model, threads) => new EngineInference(Ours, model, new ManagedMoEEngine(model.Layer.Spec!, model.Weights, threads, new ExpertPrecision(WeightFormat.Int4PerBlock, ActivationFormat.Int8))),
        [(Ours, Infer, "int4-zero")] = static (model, threads) => new EngineInference(Ours, model, new ManagedMoEEngine(model.Layer.Spec!, model.Weights, threads, new ExpertPrecision(WeightFormat.Int4PerBlockAsymmetric, ActivationFormat.Int8))),
        [(OrtQMoE, Infer, "int4")] = static (model, threads) => new OrtInference(OrtQMoE, model, OnnxLayerForm.Quantized, threads, WeightFormat.Int4PerBlock),
        [(Ours, Train, "fp32")] = static (model, threads) => new TorchTraining(Ours, model, new LibraryForm(model), threads),
        [(TorchLoop, Train, "fp32")] = static (model, threads) => new TorchTraining(TorchLoop, model, new TorchLoopForm(model, training: true), threads),
        [(TorchSort, Train, "fp32")] = static (model, threads) => new TorchTraining(TorchSort, model, new TorchSortForm(model, training: true), threads),
    };

    private static readonly Dictionary<(string Contender, string DType), Func<RouterModel, int, IContender>> Routers = new()
    {
        [(Ours, "fp32")] = static (model, _) => new ManagedRouter(model),
        [(TorchRouter, "fp32")] = static (model, threads) => new TorchRouterChain(model, threads),
    };

    private static readonly Dictionary<string, Func<AdapterModel, int, IContender>> Adapters = new()
    {
        [Ours] = static (model, threads) => new GroupedAdapters(model, threads),
        [TorchLoraLoop] = static (model, threads) => new TorchAdapters(TorchLoraLoop, model, threads, merged: false),
        [TorchLoraMerged] = static (model, threads) => new TorchAdapters(TorchLoraMerged, model, threads, merged: true),
    };

    /// <summary>Makes a contender for a linear layer with adapters.</summary>
    /// <exception cref="NotSupportedException">There is none.</exception>
    public static IContender Adapter(string contender, BenchCase @case, AdapterModel model) =>
        @case.DType == "fp32" && Adapters.TryGetValue(contender, out var make) ? make(model, @case.Threads) : throw Unknown(contender, @case);

    /// <summary>Makes a contender for a layer.</summary>
    /// <exception cref="NotSupportedException">There is none.</exception>
    public static IContender Layer(string contender, BenchCase @case, LayerModel model) =>
        Layers.TryGetValue((contender, @case.Mode, @case.DType), out var make) ? make(model, @case.Threads) : throw Unknown(contender, @case);

    /// <summary>Makes a contender for a router.</summary>
    /// <exception cref="NotSupportedException">There is none.</exception>
    public static IContender Router(string contender, BenchCase @case, RouterModel model) =>
        Routers.TryGetValue((contender, @case.DType), out var make) ? make(model, @case.Threads) : throw Unknown(contender, @case);

    private static NotSupportedException Unknown(string contender, BenchCase @case) => new($"{@case}: no contender is called {contender}");
}
