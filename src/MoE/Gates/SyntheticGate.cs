namespace MoE;

/// <summary>A load that is made, not learned.</summary>
public enum SyntheticLoad
{
    /// <summary>Route r goes to expert r mod E: every expert gets the same (torchtitan's and Megatron-LM's forced balance).</summary>
    RoundRobin,

    /// <summary>Each token goes to k different experts, all equally likely.</summary>
    Random,

    /// <summary>Each token goes to k different experts, expert e with a weight of 1 / (e + 1): few busy experts, many idle ones.</summary>
    Skewed,

    /// <summary>Every token goes to experts 0..k-1: the worst case (FastMoE's zero gate).</summary>
    Collapsed,
}

/// <summary>
/// A gate for tests and benchmarks: the load is forced, whatever the tokens are. Weights are 1/k. On the torch engine by way of <c>HostGate</c>.
/// </summary>
public sealed class SyntheticGate : IGate
{
    private readonly SeededNoise _noise;

    /// <summary>Makes a gate.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="choices">k, 1..E.</param>
    /// <param name="load">The load.</param>
    /// <param name="seed">Of the random loads; the step of the input counts too.</param>
    public SyntheticGate(int experts, int choices, SyntheticLoad load = SyntheticLoad.RoundRobin, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        if (choices < 1 || choices > experts) throw new ArgumentOutOfRangeException(nameof(choices), choices, $"must be in 1..{experts}");
        if (!Enum.IsDefined(load)) throw new ArgumentOutOfRangeException(nameof(load), load, "must be a defined load");
        (ExpertCount, Choices, Load) = (experts, choices, load);
        _noise = new SeededNoise(seed);
    }

    /// <inheritdoc/>
    public string Name => "synthetic";

    /// <inheritdoc/>
    public int ExpertCount { get; }

    /// <summary>k.</summary>
    public int Choices { get; }

    /// <summary>The load.</summary>
    public SyntheticLoad Load { get; }

    /// <inheritdoc/>
    public Routing Route(in GateInput input)
    {
        int tokens = input.TokenCount;
        var ids = new int[tokens * Choices];
        if (Load is SyntheticLoad.RoundRobin or SyntheticLoad.Collapsed)
        {
            for (int r = 0; r < ids.Length; r++) ids[r] = (Load == SyntheticLoad.RoundRobin ? r : r % Choices) % ExpertCount;
            return GivenRoutes.Even(ids, Choices, ExpertCount, input);
        }

        // The k largest of logarithms of weights plus Gumbel noise are a weighted draw without replacement.
        var keys = new float[tokens * ExpertCount];
        _noise.Fill("synthetic", input.Step, NoiseKind.Gumbel, keys);
        for (int i = 0; i < keys.Length && Load == SyntheticLoad.Skewed; i++) keys[i] -= MathF.Log(i % ExpertCount + 1);
        for (int t = 0; t < tokens; t++)
        {
            int row = t * ExpertCount;
            int[] ranked = [.. Enumerable.Range(0, ExpertCount).OrderByDescending(e => keys[row + e]).Take(Choices)];
            ranked.CopyTo(ids, t * Choices);
        }

        return GivenRoutes.Even(ids, Choices, ExpertCount, input);
    }
}
