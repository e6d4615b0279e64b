namespace MoE.Benchmarks;

/// <summary>How long a case is measured.</summary>
public sealed record SamplePlan
{
    /// <summary>Every contender gets at least this many turns, whatever they cost.</summary>
    public int MinRounds { get; init; } = 5;

    /// <summary>No contender gets more turns than this.</summary>
    public int MaxRounds { get; init; } = 64;

    /// <summary>No new round starts after this, once <see cref="MinRounds"/> are done.</summary>
    public required TimeSpan Budget { get; init; }

    /// <summary>Each contender runs this long before anything is kept, and once at least: the JIT reaches its last tier, pools start their threads.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>A turn repeats the call until it lasts this long; zero: one call per turn.</summary>
    public TimeSpan MinSample { get; init; }

    /// <summary>Caches are emptied of weights before every turn, as in a model with many layers.</summary>
    public bool ColdCaches { get; init; }

    /// <summary>The plan for a case.</summary>
    public static SamplePlan For(BenchMode mode, CompareSize size)
    {
        double scale = size == CompareSize.Quick ? 1 : 3;
        return mode switch
        {
            BenchMode.Router => new SamplePlan { Budget = TimeSpan.FromSeconds(1 * scale), MinSample = TimeSpan.FromMicroseconds(500) },
            BenchMode.Train => new SamplePlan { Budget = TimeSpan.FromSeconds(6 * scale), ColdCaches = true },
            BenchMode.Lora => new SamplePlan { Budget = TimeSpan.FromSeconds(2 * scale), ColdCaches = true },
            _ => new SamplePlan { Budget = TimeSpan.FromSeconds(3 * scale), ColdCaches = true },
        };
    }
}
