using MoE.Samples.Data;

namespace MoE.Samples.Frame;

/// <summary>What a run is given.</summary>
public sealed class RunContext
{
    private readonly List<long> _seeds = [];

    /// <summary>The number after <c>--seed</c>; 1 by default.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How much work to do.</summary>
    public Scale Scale { get; init; } = Scale.Quick;

    /// <summary>The mechanism to leave out, or null.</summary>
    public string? Ablated { get; init; }

    /// <summary>Where data sets are looked for.</summary>
    public DataFolders Data { get; init; } = new(null);

    /// <summary>Where parts that cost much are kept from one run to the next; may be deleted at any time. Null: nothing is kept.</summary>
    public string? Cache { get; init; }

    /// <summary>Where progress goes.</summary>
    public RunProgress Progress { get; init; } = RunProgress.None;

    /// <summary>Asks the run to stop.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>The seeds that are finished.</summary>
    public IReadOnlyList<long> FinishedSeeds => _seeds;

    /// <summary>True once the run was stopped before its end.</summary>
    public bool Cancelled { get; private set; }

    internal void Cancel() => Cancelled = true;

    /// <summary>True where a mechanism is to be left out.</summary>
    public bool Without(string mechanism) => Ablated == mechanism;

    /// <summary>One of two settings, by scale.</summary>
    public T Pick<T>(T quick, T paper) => Scale == Scale.Quick ? quick : paper;

    /// <summary>Runs one part per seed, one after the other, and gives the results of the finished ones: a cancelled part is lost, those before it are not.</summary>
    /// <param name="count">Number of seeds, derived from <see cref="Seed"/>; different values of it share none.</param>
    /// <param name="part">Takes the seed and something to call with the fraction done (0..1), which is also where the part is stopped.</param>
    public IReadOnlyList<T> OverSeeds<T>(int count, Func<long, Action<double>, T> part)
    {
        var done = new List<T>();
        for (int i = 0; i < count; i++)
        {
            long seed = Seed * 1000L + i + 1;
            int before = i;
            try
            {
                Cancellation.ThrowIfCancellationRequested();
                done.Add(part(seed, fraction =>
                {
                    Cancellation.ThrowIfCancellationRequested();
                    Progress.Report((before + fraction) / count);
                }));
            }
            catch (OperationCanceledException)
            {
                Cancelled = true;
                break;
            }

            _seeds.Add(seed);
        }

        return done;
    }
}
