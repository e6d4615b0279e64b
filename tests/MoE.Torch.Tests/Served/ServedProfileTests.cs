using MoE.Onnx;
using MoE.Tests.Profiles;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Served;

/// <summary>Every profile that can be exported, as a torch layer and as the ONNX model of that layer.</summary>
public sealed class ServedProfileTests
{
    private static readonly Dictionary<string, MoELayerSpec> s_layers = AllProfiles.Layers.Select(static p => ($"layer {p.Key}", p.Value))
        .Concat(AllProfiles.Routers.Select(static p => ($"router {p.Key}", new MoELayerSpec { Width = 6, Router = p.Value.At(0), Expert = new ExpertSpec { Width = 5 } })))
        .Where(static p => OnnxLayerWriter.Refusals(p.Item2, OnnxLayerForm.Portable).Count == 0)
        .ToDictionary(static p => p.Item1, static p => p.Item2);

    public static TheoryData<string> Names => [.. s_layers.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Torch_and_onnx_give_the_same_numbers_and_experts(string name)
    {
        var spec = s_layers[name];
        var random = new Random(11);
        var weights = new WeightDictionary();
        foreach (var (part, shape) in WeightNames.Of(spec))
        {
            // Scores with a spread, biases that turn choices, and hidden numbers of order one.
            double scale = part is WeightNames.SelectionBias or WeightNames.RouterBias ? 0.1 : 1.5 / Math.Sqrt(shape[^1]);
            weights.Add(part, [.. Enumerable.Range(0, shape.Aggregate(1, static (a, b) => a * b)).Select(_ => (float)(((2 * random.NextDouble()) - 1) * scale))], shape);
        }

        using var scope = NewDisposeScope();
        using var layer = new MoELayer(spec);
        layer.load_weights(weights);
        using var torchEngine = new TorchMoEEngine(layer);
        foreach (var form in (OnnxLayerForm[])[OnnxLayerForm.Portable, OnnxLayerForm.Loop, OnnxLayerForm.Contrib])
        {
            if (OnnxLayerWriter.Refusals(spec, form).Count > 0) continue;
            using var served = OnnxMoELayer.Create(spec, weights, form, new OnnxEngineOptions { IntraOpThreads = 1 });
            var found = OnnxVerifier.Verify(served, torchEngine, weights, new OnnxVerifyOptions { Tokens = 32 });
            Assert.True(found.Passed, $"{form}:\n{found.ToText()}");
            Assert.All(found.Batches.Where(static b => b.Name is "random" or "one token" or "one token repeated"), b => Assert.True(b.Differently.Count == 0 && b.Undecided == 0, $"{form}:\n{found.ToText()}"));
        }
    }
}
