using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>X-LoRA as its authors released it.</summary>
internal sealed class OriginalXLora : IAdapter
{
    public string Peer => "xlora";

    public IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; } = new Dictionary<string, Func<CaseReader, CasePlan>>
    {
        ["xLoRAClassifier"] = c => LoraCases.Classifier(c, Name(c), c.Bool("enable_relu_and_dropout")),
        ["xLoRALinearLayer"] = c => LoraCases.Scaled(c, acrossTokens: true),
    };

    // The last linear layer has a name of its own; the ones before stand in a list with their activations.
    private static Func<int, string> Name(CaseReader c)
    {
        string[] inner = [.. c.WeightNames().Where(static w => w.EndsWith(".weight", StringComparison.Ordinal) && !w.StartsWith("last.", StringComparison.Ordinal)).Select(static w => w[..^".weight".Length]).OrderBy(static w => int.Parse(w.Split('.')[^1], System.Globalization.CultureInfo.InvariantCulture))];
        return i => i == inner.Length ? "last" : inner[i];
    }
}
