namespace MoE.Onnx;

/// <summary>A graph with what a file needs around it.</summary>
/// <param name="graph">The main graph.</param>
public sealed class OnnxModel(OnnxGraph graph)
{
    /// <summary>The main graph.</summary>
    public OnnxGraph Graph { get; } = graph;

    /// <summary>Version of the file format.</summary>
    public int IrVersion { get; init; } = 10;

    /// <summary>Who wrote the file.</summary>
    public string ProducerName { get; init; } = "MoE.Onnx";

    /// <summary>Operator set version by domain; the empty domain is <c>ai.onnx</c>. Written in ordinal order.</summary>
    public IDictionary<string, int> OpsetImports { get; } = new SortedDictionary<string, int>(StringComparer.Ordinal) { [""] = 21 };

    /// <summary>Free texts stored with the model. Written in ordinal order.</summary>
    public IDictionary<string, string> Metadata { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>All problems of this model; empty if it can be written. Operators and their types are not checked: that is the reader's work.</summary>
    public IReadOnlyList<SpecProblem> Validate() => new OnnxValidator(this).Run();
}
