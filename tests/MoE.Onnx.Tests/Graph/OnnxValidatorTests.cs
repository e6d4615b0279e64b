namespace MoE.Onnx.Tests;

public class OnnxValidatorTests
{
    [Fact]
    public void A_good_model_has_no_problems() => Assert.Empty(TestModels.Affine().Validate());

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        var inner = new OnnxGraph("inner");
        inner.AddInitializer(OnnxTensor.Create<float>("x", new float[] { 1 }, 1));
        inner.AddNode(TestModels.Node("Relu", ["nowhere"], ["late"]));
        inner.AddOutput("missing", OnnxElementType.Float32, 1);

        var graph = new OnnxGraph("bad");
        graph.AddInput("x", OnnxElementType.Float32, "T", -3);
        graph.AddInput("x", OnnxElementType.Float32, "");
        graph.AddInitializer(OnnxTensor.Create<float>("w", new float[] { 1, 2, 3 }, 2, 2));
        graph.AddInitializer(OnnxTensor.Create<float>("v", new float[] { 1 }, -1));
        graph.AddInitializer(OnnxTensor.Raw("u", (OnnxElementType)99, new byte[4], 1));
        graph.AddNode(TestModels.Node("Add", ["x", "undefined"], ["sum"]));
        graph.AddNode(TestModels.Node("Relu", ["late"], ["early"]));
        graph.AddNode(TestModels.Node("", ["x"], ["sum"]));
        graph.AddNode(TestModels.Node("If", ["x"], ["late"], OnnxAttribute.Graph("then_branch", inner), OnnxAttribute.Int("then_branch", 1)));
        graph.AddNode(new OnnxNode { OpType = "MoE", Domain = "com.example", Name = "n", Inputs = ["x"], Outputs = ["m"] });
        graph.AddNode(new OnnxNode { OpType = "Relu", Name = "n", Inputs = ["x"], Outputs = [""] });
        graph.AddOutput("nothing", OnnxElementType.Float32, 1);
        graph.AddOutput("sum", (OnnxElementType)77, 1);
        graph.AddOutput("sum", OnnxElementType.Float32, 1);
        var model = new OnnxModel(graph) { IrVersion = 0 };
        model.OpsetImports[""] = -1;
        model.Metadata[""] = "\uDC00";

        var e = Assert.Throws<OnnxModelException>(() => OnnxWriter.Write(model, Stream.Null));
        string[] expected =
        [
            "ir_version = 0: must be positive",
            "opset_import '' = -1: must be positive",
            "metadata key = '': must not be empty",
            "metadata '' = text of 1 characters: must be well-formed UTF-16",
            "bad/input 'x' = -3: dimensions must not be negative",
            "bad/input 'x' dimension = '': must not be empty",
            "bad/input = 'x': is a duplicate: the name is taken in this graph or one around it",
            "bad/initializer 'w' = 12 bytes: shape [2, 2] of Float32 needs 16",
            "bad/initializer 'v' = shape [-1]: dimensions must not be negative",
            "bad/initializer 'u' = 99: must be a defined element type",
            "bad/node[0] Add = input 'undefined': is not defined",
            "bad/node[1] Relu = input 'late': is produced only by a later node or by this one; nodes must be in topological order",
            "bad/node[2]  op_type = '': must not be empty",
            "bad/node[2]  = 'sum': is a duplicate: the name is taken in this graph or one around it",
            "bad/node[3] If/then_branch/initializer = 'x': is a duplicate: the name is taken in this graph or one around it",
            "bad/node[3] If/then_branch/node[0] Relu = input 'nowhere': is not defined",
            "bad/node[3] If/then_branch/node[0] Relu = 'late': is a duplicate: the name is taken in this graph or one around it",
            "bad/node[3] If/then_branch/output = 'missing': is not set by any input, initializer or node of this graph",
            "bad/node[3] If/then_branch = attribute: is given twice",
            "bad/node[4] MoE = domain 'com.example': must be among the opset imports",
            "bad/node[5] Relu = name 'n': is taken by an earlier node",
            "bad/node[5] Relu = outputs: must name at least one value",
            "bad/output = 'nothing': is not set by any input, initializer or node of this graph",
            "bad/output 'sum' = 77: must be a defined element type",
            "bad/output = 'sum': is listed twice",
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), e.Problems.Select(static p => p.ToString()).Order(StringComparer.Ordinal));
        Assert.StartsWith($"{expected.Length} problems: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_that_contains_itself_is_refused()
    {
        var graph = new OnnxGraph("ring");
        graph.AddInput("x", OnnxElementType.Float32, 1);
        graph.AddNode(TestModels.Node("If", ["x"], ["y"], OnnxAttribute.Graph("then_branch", graph)));
        graph.AddOutput("y", OnnxElementType.Float32, 1);
        Assert.Contains(new OnnxModel(graph).Validate(), static p => p.Rule == "must not contain itself");
    }

    [Theory]
    [InlineData(30, true)]
    [InlineData(31, false)]
    [InlineData(20_000, false)]
    public void Nesting_stops_where_protobuf_parsers_stop(int depth, bool fits)
    {
        OnnxGraph? graph = null;
        for (int i = depth - 1; i >= 0; i--)
        {
            var around = new OnnxGraph($"g{i}");
            if (graph is null) around.AddInitializer(OnnxTensor.Create<float>($"v{i}", new float[] { 1 }, 1));
            else around.AddNode(TestModels.Node("If", ["c"], [$"v{i}"], OnnxAttribute.Graph("then_branch", graph), OnnxAttribute.Graph("else_branch", Constant($"w{i}"))));
            around.AddOutput($"v{i}", OnnxElementType.Float32, 1);
            graph = around;
        }

        graph!.AddInitializer(OnnxTensor.Create<bool>("c", new[] { true }, 1));
        var model = new OnnxModel(graph);
        if (fits)
        {
            Assert.Empty(model.Validate());
            Assert.Equal([1], OrtProbe.Run(OnnxWriter.ToBytes(model))[0]);
        }
        else
        {
            Assert.Contains(model.Validate(), static p => p.Rule.Contains("nested deeper", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Shapes_whose_product_overflows_are_refused()
    {
        var graph = new OnnxGraph("overflow");
        graph.AddInitializer(OnnxTensor.Create<float>("w", Array.Empty<float>(), long.MaxValue, long.MaxValue, long.MaxValue, 2));
        graph.AddOutput("w", OnnxElementType.Float32, 1);
        var problem = Assert.Single(new OnnxModel(graph).Validate());
        Assert.Contains("more than 2^64", problem.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void Sibling_sub_graphs_may_use_the_same_names()
    {
        var graph = new OnnxGraph("siblings");
        graph.AddInput("x", OnnxElementType.Float32, 1);
        graph.AddInitializer(OnnxTensor.Create<bool>("c", new[] { true }, 1));
        graph.AddNode(TestModels.Node("If", ["c"], ["y"], OnnxAttribute.Graph("then_branch", Constant("k")), OnnxAttribute.Graph("else_branch", Constant("k"))));
        graph.AddOutput("y", OnnxElementType.Float32, 1);
        Assert.Empty(new OnnxModel(graph).Validate());
    }

    private static OnnxGraph Constant(string name)
    {
        var graph = new OnnxGraph("constant");
        graph.AddInitializer(OnnxTensor.Create<float>(name, new float[] { 2 }, 1));
        graph.AddOutput(name, OnnxElementType.Float32, 1);
        return graph;
    }
}
