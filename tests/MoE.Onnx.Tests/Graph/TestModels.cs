namespace MoE.Onnx.Tests;

internal static class TestModels
{
    public static OnnxNode Node(string op, string[] inputs, string[] outputs, params OnnxAttribute[] attributes) =>
        new() { OpType = op, Inputs = inputs, Outputs = outputs, Attributes = attributes };

    /// <summary>y [T, 2] = x [T, 3] w + b, with b broadcast.</summary>
    public static OnnxModel Affine()
    {
        var graph = new OnnxGraph("affine");
        graph.AddInput("x", OnnxElementType.Float32, "T", 3);
        graph.AddInitializer(OnnxTensor.Create<float>("w", new float[] { 1, 2, 3, 4, 5, 6 }, 3, 2));
        graph.AddInitializer(OnnxTensor.Create<float>("b", new float[] { 10, 20 }, 2));
        graph.AddNode(Node("MatMul", ["x", "w"], ["h"]));
        graph.AddNode(Node("Add", ["h", "b"], ["y"]));
        graph.AddOutput("y", OnnxElementType.Float32, "T", 2);
        return new OnnxModel(graph);
    }

    public static readonly (string, float[], long[]) AffineInput = ("x", [1, 0, 0, 0, 1, 1], [2, 3]);

    public static readonly float[] AffineOutput = [11, 22, 18, 30];
}
