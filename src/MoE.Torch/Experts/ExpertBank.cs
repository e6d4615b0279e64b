using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// The experts of a layer as one module: rows sorted by expert in, rows out in the same order. Derive from it for experts that are neither stacked networks
/// (<see cref="StackedExperts"/>) nor a list of modules (<see cref="ModuleExperts"/>).
/// </summary>
public abstract class ExpertBank : nn.Module<Tensor, ExpertSegments, Tensor>
{
    /// <summary>Starts a bank.</summary>
    /// <param name="name">Name of the module.</param>
    /// <param name="experts">E, positive.</param>
    protected ExpertBank(string name, int experts)
        : base(name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        Experts = experts;
    }

    /// <summary>E.</summary>
    public int Experts { get; }

    /// <summary>Refuses segments of another number of experts or rows.</summary>
    private protected void CheckSegments(Tensor rows_RD, ExpertSegments segments)
    {
        ArgumentNullException.ThrowIfNull(segments);
        if (segments.Experts != Experts || segments.Rows != rows_RD.shape[0])
            throw new ArgumentException($"segments has {segments.Experts} experts and {segments.Rows} rows; must have {Experts} and {rows_RD.shape[0]}", nameof(segments));
    }
}
