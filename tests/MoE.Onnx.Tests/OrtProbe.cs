using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx.Tests;

/// <summary>Runs a model in ONNX Runtime: the outside judge of what the writer wrote.</summary>
internal static class OrtProbe
{
    public static float[][] Run(byte[] model, params (string Name, float[] Values, long[] Shape)[] inputs)
    {
        using var session = new InferenceSession(model);
        return Run(session, inputs);
    }

    public static float[][] RunFile(string path, params (string Name, float[] Values, long[] Shape)[] inputs)
    {
        using var session = new InferenceSession(path);
        return Run(session, inputs);
    }

    private static float[][] Run(InferenceSession session, (string Name, float[] Values, long[] Shape)[] inputs)
    {
        using var options = new RunOptions();
        var values = inputs.Select(static i => OrtValue.CreateTensorValueFromMemory(i.Values, i.Shape)).ToArray();
        using var results = session.Run(options, inputs.Select(static i => i.Name).ToArray(), values, session.OutputNames);
        foreach (var value in values) value.Dispose();
        return [.. results.Select(static r => r.GetTensorDataAsSpan<float>().ToArray())];
    }
}
