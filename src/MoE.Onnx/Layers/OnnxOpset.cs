using System.Globalization;

namespace MoE.Onnx;

/// <summary>The versions of ONNX's standard operators that are written.</summary>
public static class OnnxOpset
{
    /// <summary>Softplus, sequences and sums into repeated places are older; 17 is what the checkers of long-lived distributions know.</summary>
    public const int Oldest = 17;

    /// <summary>The version written by default; ONNX Runtime reads it since 1.18.</summary>
    public const int Newest = 21;

    // The version of the file format that came with it: readers of that time refuse newer ones.
    private static int IrVersion(int opset) => opset switch { <= 18 => 8, <= 20 => 9, _ => 10 };

    internal static OnnxModel Model(OnnxGraph graph, int opset)
    {
        var model = new OnnxModel(graph) { IrVersion = IrVersion(opset) };
        model.OpsetImports[""] = opset;
        return model;
    }

    internal static IEnumerable<SpecProblem> Refusals(int opset)
    {
        if (opset is < Oldest or > Newest)
            yield return new SpecProblem("opset", opset.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"must be in {Oldest}..{Newest}: older ones lack operators that are used, newer ones were not tried"));
    }
}
