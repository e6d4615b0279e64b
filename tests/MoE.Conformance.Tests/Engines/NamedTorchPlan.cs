using MoE.Conformance.Runner;

namespace MoE.Conformance.Engines;

/// <summary>A <see cref="NamedPlan"/> that the torch engine runs too.</summary>
internal sealed record NamedTorchPlan : NamedPlan
{
    /// <summary>Runs the case on the torch engine. The second argument is the recorded choice to replay, or null.</summary>
    public required Action<TorchRun, GoldenTensor?> Torch { get; init; }
}
