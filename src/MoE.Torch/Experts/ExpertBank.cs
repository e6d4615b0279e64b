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
}
