using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx.Tests;

public class OnnxWriterTests
{
    [Fact]
    public void A_smallest_model_has_the_bytes_of_the_format()
    {
        var graph = new OnnxGraph("g");
        graph.AddInput("x", OnnxElementType.Float32, "T", 3);
        graph.AddNode(TestModels.Node("Relu", ["x"], ["y"]));
        graph.AddOutput("y", OnnxElementType.Float32, "T", 3);
        var model = new OnnxModel(graph) { ProducerName = "p" };
        model.Metadata["k"] = "v";

        // ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8, metadata_props 14.
        byte[] dims = [0x0A, 0x03, 0x12, 0x01, (byte)'T', 0x0A, 0x02, 0x08, 0x03];
        byte[] Info(char name) => [0x0A, 1, (byte)name, 0x12, 0x0F, 0x0A, 0x0D, 0x08, 0x01, 0x12, 0x09, .. dims];
        byte[] node = [0x0A, 1, (byte)'x', 0x12, 1, (byte)'y', 0x22, 4, (byte)'R', (byte)'e', (byte)'l', (byte)'u'];
        byte[] body = [0x0A, (byte)node.Length, .. node, 0x12, 1, (byte)'g', 0x5A, 20, .. Info('x'), 0x62, 20, .. Info('y')];
        byte[] expected =
        [
            0x08, 10, 0x12, 1, (byte)'p', 0x3A, (byte)body.Length, .. body,
            0x42, 4, 0x0A, 0, 0x10, 21,
            0x72, 6, 0x0A, 1, (byte)'k', 0x12, 1, (byte)'v',
        ];
        Assert.Equal(expected, OnnxWriter.ToBytes(model));
    }

    [Fact]
    public void A_model_runs_and_stream_and_array_are_the_same_bytes()
    {
        byte[] bytes = OnnxWriter.ToBytes(TestModels.Affine());
        using var stream = new MemoryStream();
        OnnxWriter.Write(TestModels.Affine(), stream);
        Assert.Equal(bytes, stream.ToArray());
        Assert.Equal(TestModels.AffineOutput, OrtProbe.Run(bytes, TestModels.AffineInput)[0]);
    }

    [Fact]
    public void Equal_models_give_equal_bytes_whatever_the_order_of_metadata()
    {
        var a = TestModels.Affine();
        var b = TestModels.Affine();
        foreach (string key in (string[])["one", "two", "three"]) a.Metadata[key] = key + "!";
        foreach (string key in (string[])["three", "one", "two"]) b.Metadata[key] = key + "!";
        a.OpsetImports["com.microsoft"] = 1;
        b.OpsetImports["com.microsoft"] = 1;
        Assert.Equal(OnnxWriter.ToBytes(a), OnnxWriter.ToBytes(b));
    }

    [Fact]
    public void Metadata_and_names_come_back_from_the_runtime()
    {
        var model = TestModels.Affine();
        model.Metadata["moe.test"] = "ä\n\"quoted\"";
        using var session = new InferenceSession(OnnxWriter.ToBytes(model));
        Assert.Equal("ä\n\"quoted\"", session.ModelMetadata.CustomMetadataMap["moe.test"]);
        Assert.Equal("MoE.Onnx", session.ModelMetadata.ProducerName);
        Assert.Equal("affine", session.ModelMetadata.GraphName);
        Assert.Equal(["T", ""], session.InputMetadata["x"].SymbolicDimensions);
        Assert.Equal([-1, 2], session.OutputMetadata["y"].Dimensions);
    }

    public static TheoryData<OnnxElementType, byte[]> Elements => new()
    {
        { OnnxElementType.Float32, MemoryMarshal.AsBytes<float>([2f, 3f]).ToArray() },
        { OnnxElementType.UInt8, [2, 3] },
        { OnnxElementType.Int8, [2, 3] },
        { OnnxElementType.Int32, MemoryMarshal.AsBytes<int>([2, 3]).ToArray() },
        { OnnxElementType.Int64, MemoryMarshal.AsBytes<long>([2, 3]).ToArray() },
        { OnnxElementType.Bool, [1, 1] },
        { OnnxElementType.Float16, MemoryMarshal.AsBytes<Half>([(Half)2, (Half)3]).ToArray() },
        { OnnxElementType.BFloat16, [0x00, 0x40, 0x40, 0x40] },
    };

    [Theory]
    [MemberData(nameof(Elements))]
    public void Every_element_type_is_read_as_what_it_is(OnnxElementType type, byte[] raw)
    {
        var graph = new OnnxGraph("cast");
        graph.AddInput("x", OnnxElementType.Float32, 2);
        graph.AddInitializer(OnnxTensor.Raw("c", type, raw, 2));
        graph.AddNode(TestModels.Node("Cast", ["c"], ["f"], OnnxAttribute.Int("to", (long)OnnxElementType.Float32)));
        graph.AddNode(TestModels.Node("Add", ["x", "f"], ["y"]));
        graph.AddOutput("y", OnnxElementType.Float32, 2);
        float[] y = OrtProbe.Run(OnnxWriter.ToBytes(new OnnxModel(graph)), ("x", [0, 0], [2]))[0];
        Assert.Equal(type == OnnxElementType.Bool ? [1f, 1f] : [2f, 3f], y);
    }

    [Fact]
    public void Typed_values_have_the_bytes_of_their_elements()
    {
        Check(OnnxTensor.Create<float>("t", new[] { 1.5f }, 1), OnnxElementType.Float32, 4);
        Check(OnnxTensor.Create<byte>("t", new byte[] { 1 }, 1), OnnxElementType.UInt8, 1);
        Check(OnnxTensor.Create<sbyte>("t", new sbyte[] { -1 }, 1), OnnxElementType.Int8, 1);
        Check(OnnxTensor.Create<int>("t", new[] { 1 }, 1), OnnxElementType.Int32, 4);
        Check(OnnxTensor.Create<long>("t", new[] { 1L }, 1), OnnxElementType.Int64, 8);
        Check(OnnxTensor.Create<bool>("t", new[] { true }, 1), OnnxElementType.Bool, 1);
        Check(OnnxTensor.Create<Half>("t", new[] { (Half)1 }, 1), OnnxElementType.Float16, 2);
        Assert.Throws<ArgumentException>(() => OnnxTensor.Create<double>("t", new[] { 1.0 }, 1));

        static void Check(OnnxTensor tensor, OnnxElementType type, long bytes)
        {
            Assert.Equal(type, tensor.Type);
            Assert.Equal(bytes, tensor.ByteLength);
            Assert.Equal([1], tensor.Shape.ToArray());
        }
    }

    [Fact]
    public void Every_kind_of_attribute_reaches_the_operator()
    {
        var graph = new OnnxGraph("attributes");
        graph.AddInput("x", OnnxElementType.Float32, 1, 3);
        graph.AddNode(TestModels.Node("LeakyRelu", ["x"], ["leaky"], OnnxAttribute.Float("alpha", 0.5f)));
        graph.AddNode(TestModels.Node("Transpose", ["leaky"], ["turned"], OnnxAttribute.Ints("perm", 1, 0)));
        graph.AddNode(TestModels.Node("Constant", [], ["floats"], OnnxAttribute.Floats("value_floats", 1, 2, 3)));
        graph.AddNode(TestModels.Node("Constant", [], ["tensor"], OnnxAttribute.Tensor("value", OnnxTensor.Create<float>("", new float[] { 100 }))));
        graph.AddNode(TestModels.Node("Flatten", ["turned"], ["flat"], OnnxAttribute.Int("axis", 0)));
        graph.AddNode(TestModels.Node("Add", ["flat", "floats"], ["sum"]));
        graph.AddNode(TestModels.Node("Add", ["sum", "tensor"], ["total"]));
        graph.AddNode(TestModels.Node("Constant", [], ["words"], OnnxAttribute.Texts("value_strings", "a", "b")));
        graph.AddNode(TestModels.Node("Size", ["words"], ["count"]));
        graph.AddNode(TestModels.Node("Cast", ["count"], ["two"], OnnxAttribute.Int("to", 1)));
        graph.AddNode(TestModels.Node("Mul", ["total", "two"], ["doubled"]));
        graph.AddNode(TestModels.Node("Gelu", ["doubled"], ["y"], OnnxAttribute.Text("approximate", "tanh")));
        graph.AddOutput("y", OnnxElementType.Float32, 1, 3);
        float[] y = OrtProbe.Run(OnnxWriter.ToBytes(new OnnxModel(graph)), ("x", [-2, 0, 1], [1, 3]))[0];
        Assert.Equal([200, 204, 208], y);
    }

    [Theory]
    [InlineData(1f, new[] { 11f, 12f })]
    [InlineData(-1f, new[] { 100f, 100f })]
    public void Sub_graphs_see_the_values_around_them(float x, float[] expected)
    {
        var then = new OnnxGraph("then");
        then.AddNode(TestModels.Node("Add", ["x", "outer"], ["a"]));
        then.AddOutput("a", OnnxElementType.Float32, 2);
        var otherwise = new OnnxGraph("else");
        otherwise.AddInitializer(OnnxTensor.Create<float>("b", new float[] { 100, 100 }, 2));
        otherwise.AddOutput("b", OnnxElementType.Float32, 2);
        var graph = new OnnxGraph("choice");
        graph.AddInput("x", OnnxElementType.Float32, 1);
        graph.AddInitializer(OnnxTensor.Create<float>("outer", new float[] { 10, 11 }, 2));
        graph.AddInitializer(OnnxTensor.Create<float>("zero", new float[] { 0 }, 1));
        graph.AddNode(TestModels.Node("Greater", ["x", "zero"], ["positive"]));
        graph.AddNode(TestModels.Node("If", ["positive"], ["y"], OnnxAttribute.Graph("then_branch", then), OnnxAttribute.Graph("else_branch", otherwise)));
        graph.AddOutput("y", OnnxElementType.Float32, 2);
        Assert.Equal(expected, OrtProbe.Run(OnnxWriter.ToBytes(new OnnxModel(graph)), ("x", [x], [1]))[0]);
    }

    [Fact]
    public void Scalars_and_empty_tensors_are_kept_apart()
    {
        var graph = new OnnxGraph("shapes");
        graph.AddInput("x", OnnxElementType.Float32, "N");
        graph.AddInitializer(OnnxTensor.Create<float>("scalar", new float[] { 2 }));
        graph.AddInitializer(OnnxTensor.Create<float>("empty", Array.Empty<float>(), 0));
        graph.AddNode(TestModels.Node("Mul", ["x", "scalar"], ["h"]));
        graph.AddNode(TestModels.Node("Concat", ["h", "empty"], ["y"], OnnxAttribute.Int("axis", 0)));
        graph.AddOutput("y", OnnxElementType.Float32, "M");
        Assert.Equal([6, 8], OrtProbe.Run(OnnxWriter.ToBytes(new OnnxModel(graph)), ("x", [3, 4], [2]))[0]);
    }

    [Fact]
    public void A_model_above_2_GiB_is_refused_before_any_byte_is_written()
    {
        var model = new OnnxModel(Huge());
        using var target = new MemoryStream();
        var e = Assert.Throws<OnnxModelException>(() => OnnxWriter.Write(model, target));
        Assert.Equal(0, target.Length);
        Assert.Contains("2147483647", e.Message, StringComparison.Ordinal);
        Assert.Contains("external data", e.Message, StringComparison.Ordinal);
        Assert.Throws<OnnxModelException>(() => OnnxWriter.ToBytes(model));
    }

    private static OnnxGraph Huge()
    {
        var graph = new OnnxGraph("huge");
        graph.AddInitializer(OnnxTensor.Deferred("w", OnnxElementType.Float32, 4L << 30, static _ => Assert.Fail("must not be asked"), 1 << 15, 1 << 15));
        graph.AddNode(TestModels.Node("Relu", ["w"], ["y"]));
        graph.AddOutput("y", OnnxElementType.Float32, 1 << 15, 1 << 15);
        return graph;
    }
}
