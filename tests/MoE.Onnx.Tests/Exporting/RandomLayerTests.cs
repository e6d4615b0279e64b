using CsCheck;
using MoE.Tests.Specs;

namespace MoE.Onnx.Tests;

/// <summary>Layers and routers drawn over every axis of the specs, in every form that takes them.</summary>
public class RandomLayerTests
{
    // Noise, capacities and rules for later choices are refused, and tested so; here they would hide everything else.
    private static readonly Gen<(MoELayerSpec Spec, int Seed)> Layers =
        from layer in RandomSpecs.Layer
        from router in RandomSpecs.Any
        from seed in Gen.Int[0, 1_000_000]
        select (layer with
        {
            Width = layer.Width * (seed % 2 == 0 ? 1 : 32),
            Router = router with
            {
                Noise = null,
                Select = router.Select switch { TopKSelection top => top with { Later = null }, ExpertChoiceSelection or RaceSelection => new AllSelection(), var other => other },
                Weigh = router.Weigh with { SoftTopK = null },
                Dispatch = router.Dispatch with { Capacity = null, Drop = DropPolicy.FirstCome },
            },
        }, seed);

    [Fact]
    public void Every_form_that_takes_a_layer_gives_its_numbers() => Layers.Sample(static (spec, seed) =>
    {
        var layer = new LayerCase(spec, seed, routerScale: 0.7f);
        using var expected = new ReferenceLayer(spec, layer.Weights);
        foreach (var form in Enum.GetValues<OnnxLayerForm>())
        {
            if (form == OnnxLayerForm.Quantized || OnnxLayerWriter.Refusals(spec, form).Count > 0) continue;
            var options = new OnnxLayerOptions { RoutingOutputs = seed % 3 != 0, Opset = OnnxOpset.Oldest + (seed % 5) };
            using var served = OnnxMoELayer.Create(spec, layer.Weights, form, new OnnxEngineOptions { IntraOpThreads = 1 }, options);
            var found = OnnxVerifier.Verify(served, expected, layer.Weights, new OnnxVerifyOptions { Seed = seed, Tokens = 8 });
            // Tokens a thousand times larger are for exports: there a tolerance has to bound what saturation does to every combination of functions, which three thousand draws did not refute and thirty a day might.
            if (!found.Batches.All(static b => b.Passed || b.Name == "huge")) throw new InvalidOperationException($"{form}, seed {seed}:\n{found.ToText()}{spec.ToJson()}");
        }
    }, iter: 30);
}
