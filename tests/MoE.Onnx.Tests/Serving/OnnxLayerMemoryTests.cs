using System.Runtime.CompilerServices;

namespace MoE.Onnx.Tests;

/// <summary>Layers that are served over the caller's weights.</summary>
public class OnnxLayerMemoryTests
{
    // Large enough that every matrix lies outside the model.
    private static LayerCase Plain() => new(LayerCase.Layer(experts: 5, width: 24, inner: 40, activation: Activation.Relu, form: ExpertForm.FeedForward));

    private static LayerCase Glu() => new(LayerCase.Layer(experts: 5, width: 24, inner: 40));

    private static float[] Array(WeightDictionary weights, string name)
    {
        Assert.True(weights.TryGet(name, out var tensor));
        // The dictionary keeps the array; this is a view of it.
        using var pin = weights.Pin(name);
        unsafe
        {
            Assert.Equal((nint)pin.Pointer, (nint)Unsafe.AsPointer(ref Unsafe.AsRef(in tensor.Data[0])));
        }

        return tensor.ToSingles();
    }

    private static unsafe void Scale(WeightDictionary weights, string name, float factor)
    {
        using var pin = weights.Pin(name);
        int count = Array(weights, name).Length;
        foreach (ref float v in new Span<float>(pin.Pointer, count)) v *= factor;
    }

    private static float[] Reference(LayerCase layer, float[] x)
    {
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        var y = new float[x.Length];
        reference.Forward(x, y);
        return y;
    }

    public static TheoryData<OnnxLayerForm, bool> ReadInPlace => new() { { OnnxLayerForm.Contrib, true }, { OnnxLayerForm.Loop, true }, { OnnxLayerForm.Portable, false } };

    [Theory]
    [MemberData(nameof(ReadInPlace))]
    public void A_session_reads_the_callers_memory_and_no_copy_of_it(OnnxLayerForm form, bool prepacking)
    {
        var layer = Plain();
        float[] x = layer.Tokens(20), y = new float[x.Length];
        using var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, form, new OnnxEngineOptions { IntraOpThreads = 1, Prepacking = prepacking });
        // Five experts of two matrices of 24 x 40; the scorer of 480 bytes lies in the model.
        Assert.Equal(new OnnxLayerMemory(5 * 2 * 24 * 40 * 4, 0, served.Memory!.Packed), served.Memory);
        served.Forward(x, y);
        LayerCase.OutputsAreClose(Reference(layer, x), y);
        // Not allowed to users, and the proof: the weights change under the session, and its numbers with them.
        Scale(layer.Weights, WeightNames.ExpertDown, -2);
        float[] expected = Reference(layer, x);
        served.Forward(x, y);
        LayerCase.OutputsAreClose(expected, y);
    }

    [Fact]
    public void The_portable_form_keeps_a_packed_copy_and_says_how_large()
    {
        var layer = Plain();
        float[] x = layer.Tokens(20), y = new float[x.Length];
        using var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, OnnxLayerForm.Portable);
        float[] before = Reference(layer, x);
        // Rows to a multiple of 16: 40 -> 48, 24 -> 32, and the scorer's 5 -> 16.
        Assert.Equal(((5 * ((48 * 24) + (32 * 40))) + (16 * 24)) * 4, served.Memory!.Packed);
        Scale(layer.Weights, WeightNames.ExpertDown, -2);
        served.Forward(x, y);
        LayerCase.OutputsAreClose(before, y);
        using var bare = OnnxMoELayer.Create(layer.Spec, layer.Weights, OnnxLayerForm.Portable, new OnnxEngineOptions { Prepacking = false });
        Assert.Equal(0, bare.Memory!.Packed);
        bare.Forward(x, y);
        LayerCase.OutputsAreClose(Reference(layer, x), y);
    }

    [Fact]
    public void What_the_operator_wants_otherwise_is_made_once()
    {
        var layer = Glu();
        long matrix = 5 * 24 * 40 * 4;
        using var contrib = OnnxMoELayer.Create(layer.Spec, layer.Weights, OnnxLayerForm.Contrib);
        Assert.Equal((matrix, 2 * matrix), (contrib.Memory!.Shared, contrib.Memory.Owned));
        using var narrow = OnnxMoELayer.Create(layer.Spec, new NarrowWeights(layer.Weights, WeightType.BFloat16), OnnxLayerForm.Contrib);
        Assert.Equal((0, 3 * matrix), (narrow.Memory!.Shared, narrow.Memory.Owned));
        using var unpinnable = OnnxMoELayer.Create(layer.Spec, new Plainly(layer.Weights), OnnxLayerForm.Contrib);
        Assert.Equal((0, 3 * matrix), (unpinnable.Memory!.Shared, unpinnable.Memory.Owned));
        float[] x = layer.Tokens(20), y = new float[x.Length], expected = Reference(layer, x);
        foreach (var served in (OnnxMoELayer[])[contrib, unpinnable])
        {
            served.Forward(x, y);
            LayerCase.OutputsAreClose(expected, y);
        }
    }

    [Theory]
    [InlineData(WeightFormat.Int8PerRow)]
    [InlineData(WeightFormat.Int8PerBlock)]
    [InlineData(WeightFormat.Int4PerBlock)]
    public void Quantised_weights_lie_in_the_layers_own_memory(WeightFormat format)
    {
        var layer = new LayerCase(LayerProfiles.Mixtral(64, 96, 8, 2));
        using var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, OnnxLayerForm.Quantized, null, new OnnxLayerOptions { Format = format });
        long weights = 8 * 3 * 64 * 96, rows = 8 * ((2 * 96) + 64);
        long numbers = format == WeightFormat.Int4PerBlock ? weights / 2 : weights, scales = format == WeightFormat.Int8PerRow ? rows * 4 : weights / 32 * 4;
        Assert.Equal((8 * 64 * 4, numbers + scales), (served.Memory!.Shared, served.Memory.Owned));
        // The same model out of a file.
        using var loaded = OnnxMoELayer.Load(OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Quantized, new OnnxLayerOptions { Format = format })));
        Assert.Null(loaded.Memory);
        float[] x = layer.Tokens(20), a = new float[x.Length], b = new float[x.Length];
        served.Forward(x, a);
        loaded.Forward(x, b);
        Assert.Equal(b, a);
    }

    [Fact]
    public void The_weights_are_let_go_when_the_layer_is_disposed_of()
    {
        var (array, served) = Serve();
        Collect();
        Assert.True(array.IsAlive);
        served.Dispose();
        Collect();
        Assert.False(array.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static (WeakReference Array, OnnxMoELayer Served) Serve()
        {
            var layer = Plain();
            float[] down = new float[5 * 24 * 40];
            var weights = layer.With(WeightNames.ExpertDown, down).Weights;
            return (new WeakReference(down), OnnxMoELayer.Create(layer.Spec, weights, OnnxLayerForm.Contrib));
        }

        static void Collect()
        {
            for (int i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
    }

    [Fact]
    public void A_tensor_that_is_not_there_cannot_be_held() =>
        Assert.Equal("name", Assert.Throws<ArgumentException>(() => new WeightDictionary().Pin("experts.up")).ParamName);

    private sealed class Plainly(IWeightSource source) : IWeightSource
    {
        public IEnumerable<string> Names => source.Names;

        public bool TryGet(string name, out WeightTensor tensor) => source.TryGet(name, out tensor);
    }
}
