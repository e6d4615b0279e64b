namespace MoE.Samples.Frame;

/// <summary>
/// A runnable experiment: what it claims is declared up front, what it measures is recorded while it runs. The frame seeds, times, judges, prints and writes it.
/// </summary>
public abstract class Reproduction
{
    /// <summary>Name on the command line.</summary>
    public abstract string Id { get; }

    /// <summary>One line for lists.</summary>
    public abstract string Title { get; }

    /// <summary>The paper it reproduces, as a citation; empty for a sample that follows none.</summary>
    public virtual string Paper => "";

    /// <summary>Its folder below samples/MoE.Samples.</summary>
    public string Folder => string.Join('/', (GetType().Namespace ?? "").Split('.').Skip(2));

    /// <summary>The data it reads, with size and origin.</summary>
    public abstract string Data { get; }

    /// <summary>What it must show.</summary>
    public abstract IReadOnlyList<Claim> Claims { get; }

    /// <summary>What must come out as predicted for the claims to mean anything.</summary>
    public virtual IReadOnlyList<Claim> Controls => [];

    /// <summary>What <c>--ablate</c> can switch off.</summary>
    public virtual IReadOnlyList<Ablation> Ablations => [];

    /// <summary>Runs it. Finished seeds are to be recorded even where later ones are cancelled: see <see cref="RunContext.OverSeeds"/>.</summary>
    /// <param name="context">Seeds, scale, folders, progress.</param>
    /// <param name="findings">Takes what is found.</param>
    /// <exception cref="MissingDataException">A data set is not there; every claim is then reported as not run.</exception>
    /// <exception cref="InvalidDataException">A data set is damaged; likewise.</exception>
    public abstract void Run(RunContext context, Findings findings);
}
