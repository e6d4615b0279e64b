namespace MoE.Onnx.Tests;

/// <summary>Models as files: whole or not at all.</summary>
public class OnnxFileTests
{
    [Fact]
    public void A_file_holds_the_bytes_of_the_model_and_nothing_else_stays()
    {
        using var folder = new TestFolder();
        OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"]);
        Assert.Equal(["a.onnx"], folder.Files);
        Assert.Equal(OnnxWriter.ToBytes(TestModels.Affine()), File.ReadAllBytes(folder["a.onnx"]));
        Assert.Equal(TestModels.AffineOutput, OrtProbe.RunFile(folder["a.onnx"], TestModels.AffineInput)[0]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0L)]
    public void A_failing_tensor_leaves_the_old_file_as_it_was(long? threshold)
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["a.onnx"], "old");
        File.WriteAllText(folder["a.onnx.data"], "old data");
        var model = TestModels.Affine();
        model.Graph.AddInitializer(OnnxTensor.Deferred("late", OnnxElementType.Float32, 4, static _ => throw new TimeoutException("no weights"), 1));
        Assert.Throws<TimeoutException>(() => OnnxWriter.Write(model, folder["a.onnx"], new OnnxWriteOptions { ExternalDataThreshold = threshold }));
        Assert.Equal(["a.onnx", "a.onnx.data"], folder.Files);
        Assert.Equal("old", File.ReadAllText(folder["a.onnx"]));
        Assert.Equal("old data", File.ReadAllText(folder["a.onnx.data"]));
    }

    [Fact]
    public void An_invalid_model_touches_no_file()
    {
        using var folder = new TestFolder();
        Assert.Throws<OnnxModelException>(() => OnnxWriter.Write(new OnnxModel(new OnnxGraph("")), folder["a.onnx"]));
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void A_folder_that_does_not_exist_is_an_error_of_its_own()
    {
        using var folder = new TestFolder();
        Assert.Throws<DirectoryNotFoundException>(() => OnnxWriter.Write(TestModels.Affine(), Path.Combine(folder["none"], "a.onnx")));
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void A_target_that_is_a_folder_leaves_nothing_behind()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder["a.onnx"]);
        var e = Record.Exception(() => OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"]));
        Assert.True(e is IOException or UnauthorizedAccessException, e?.ToString());
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void Data_that_cannot_be_placed_leaves_the_old_model()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["a.onnx"], "old");
        Directory.CreateDirectory(folder["a.onnx.data"]);
        var e = Record.Exception(() => OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"], new OnnxWriteOptions { ExternalDataThreshold = 0 }));
        Assert.True(e is IOException or UnauthorizedAccessException, e?.ToString());
        Assert.Equal(["a.onnx"], folder.Files);
        Assert.Equal("old", File.ReadAllText(folder["a.onnx"]));
    }

    [Fact]
    public void A_model_that_cannot_be_placed_leaves_no_data()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder["a.onnx"]);
        var e = Record.Exception(() => OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"], new OnnxWriteOptions { ExternalDataThreshold = 0 }));
        Assert.True(e is IOException or UnauthorizedAccessException, e?.ToString());
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void An_existing_file_is_replaced()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["a.onnx"], new string('x', 10_000));
        OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"]);
        Assert.Equal(OnnxWriter.ToBytes(TestModels.Affine()), File.ReadAllBytes(folder["a.onnx"]));
    }

    [Theory]
    [InlineData(0L, 24 + 8)]
    [InlineData(9L, 24)]
    public void External_data_holds_the_large_initializers(long threshold, int externalBytes)
    {
        using var folder = new TestFolder();
        OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"], new OnnxWriteOptions { ExternalDataThreshold = threshold });
        Assert.Equal(["a.onnx", "a.onnx.data"], folder.Files);
        long length = new FileInfo(folder["a.onnx.data"]).Length;
        Assert.Equal(externalBytes == 24 ? 24 : 4096 + 8, length);
        Assert.Equal(TestModels.AffineOutput, OrtProbe.RunFile(folder["a.onnx"], TestModels.AffineInput)[0]);
    }

    [Fact]
    public void A_threshold_that_nothing_reaches_writes_one_file()
    {
        using var folder = new TestFolder();
        OnnxWriter.Write(TestModels.Affine(), folder["a.onnx"], new OnnxWriteOptions { ExternalDataThreshold = 1000 });
        Assert.Equal(["a.onnx"], folder.Files);
    }

    [Fact]
    public void External_data_serves_sub_graphs_and_is_replaced_as_a_pair()
    {
        using var folder = new TestFolder();
        var options = new OnnxWriteOptions { ExternalDataThreshold = 0 };
        foreach (float value in (float[])[1, 2])
        {
            OnnxWriter.Write(Branch(value), folder["b.onnx"], options);
            Assert.Equal([value], OrtProbe.RunFile(folder["b.onnx"], ("x", [1], [1]))[0]);
        }

        Assert.Equal(["b.onnx", "b.onnx.data"], folder.Files);
    }

    [Fact]
    public void Above_the_limit_large_initializers_leave_the_file_by_themselves()
    {
        using var folder = new TestFolder();
        var graph = new OnnxGraph("big");
        graph.AddInput("x", OnnxElementType.Float32, 1);
        graph.AddInitializer(OnnxTensor.Create<float>("big", new float[1000], 1000));
        graph.AddInitializer(OnnxTensor.Create<float>("small", new float[] { 5 }, 1));
        graph.AddNode(TestModels.Node("Sum", ["x", "big", "small"], ["y"]));
        graph.AddOutput("y", OnnxElementType.Float32, 1000);
        var model = new OnnxModel(graph);
        OnnxWriter.Write(model, folder["a.onnx"], new OnnxWriteOptions(), limit: 1000);
        Assert.Equal(["a.onnx", "a.onnx.data"], folder.Files);
        Assert.Equal(4000, new FileInfo(folder["a.onnx.data"]).Length);
        Assert.All(OrtProbe.RunFile(folder["a.onnx"], ("x", [2], [1]))[0], static v => Assert.Equal(7, v));
        Assert.Throws<OnnxModelException>(() => OnnxWriter.Write(model, folder["c.onnx"], new OnnxWriteOptions(), limit: 100));
        Assert.Equal(["a.onnx", "a.onnx.data"], folder.Files);
    }

    [Fact]
    public void A_negative_threshold_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxWriter.Write(TestModels.Affine(), "never.onnx", new OnnxWriteOptions { ExternalDataThreshold = -1 }));

    private static OnnxModel Branch(float value)
    {
        var then = new OnnxGraph("then");
        then.AddInitializer(OnnxTensor.Create<float>("inner", new[] { value }, 1));
        then.AddNode(TestModels.Node("Mul", ["x", "inner"], ["a"]));
        then.AddOutput("a", OnnxElementType.Float32, 1);
        var otherwise = new OnnxGraph("else");
        otherwise.AddNode(TestModels.Node("Identity", ["x"], ["b"]));
        otherwise.AddOutput("b", OnnxElementType.Float32, 1);
        var graph = new OnnxGraph("branch");
        graph.AddInput("x", OnnxElementType.Float32, 1);
        graph.AddInitializer(OnnxTensor.Create<float>("zero", new float[] { 0 }, 1));
        graph.AddNode(TestModels.Node("Greater", ["x", "zero"], ["c"]));
        graph.AddNode(TestModels.Node("If", ["c"], ["y"], OnnxAttribute.Graph("then_branch", then), OnnxAttribute.Graph("else_branch", otherwise)));
        graph.AddOutput("y", OnnxElementType.Float32, 1);
        return new OnnxModel(graph);
    }
}
