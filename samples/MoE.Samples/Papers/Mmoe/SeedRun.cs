using MoE.Samples.Papers.Mmoe.Dtrn;
using MoE.Samples.Papers.Mmoe.Synthetic;

namespace MoE.Samples.Papers.Mmoe;

/// <summary>What one seed gave.</summary>
internal sealed record SeedRun
{
    /// <summary>Errors per repetition of the synthetic tasks, by p and architecture.</summary>
    public Dictionary<(double Correlation, Architecture Model), double[]> Synthetic { get; } = [];

    /// <summary>AUC per task, by table and architecture.</summary>
    public Dictionary<(string Table, TaskArchitecture Model), double[]> Tables { get; } = [];

    /// <summary>Interest modules, by architecture and whether they are on.</summary>
    public Dictionary<(TaskArchitecture Model, bool Refined), DtrnStudy.Outcome> Ratings { get; } = [];

    /// <summary>Bits that change where other tasks' experts are zeroed.</summary>
    public RoutingIdentity.Changes Bits { get; set; }

    /// <summary>Largest difference from the library's mixture.</summary>
    public double LibraryDifference { get; set; }

    /// <summary>Running time by part.</summary>
    public Dictionary<string, double> Seconds { get; } = [];

    /// <summary>What a model gains over another on the synthetic tasks, in percent of the other's.</summary>
    public double Gain(double correlation, Architecture model, Architecture over, Func<double[], double> of) =>
        100 * (1 - of(Synthetic[(correlation, model)]) / of(Synthetic[(correlation, over)]));

    /// <summary>Mean over tasks of the AUC that interest modules add.</summary>
    public double Refinement(TaskArchitecture model) => Ratings[(model, true)].Auc.Average() - Ratings[(model, false)].Auc.Average();
}
