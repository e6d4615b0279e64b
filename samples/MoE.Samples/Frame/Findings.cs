using Spectre.Console.Rendering;

namespace MoE.Samples.Frame;

/// <summary>What a run found: a value per seed for each claim, further numbers, and how to show them.</summary>
public sealed class Findings
{
    private readonly Dictionary<string, double[]> _values = [];
    private readonly Dictionary<string, string> _reasons = [];

    /// <summary>Further numbers for the result file: numbers, strings, arrays and dictionaries of them.</summary>
    public Dictionary<string, object> Numbers { get; } = [];

    /// <summary>What the console shows above the verdicts; without it, the verdicts come with the table of claims.</summary>
    public List<IRenderable> Screen { get; } = [];

    /// <summary>What to try next: lines at the very end.</summary>
    public List<string> Next { get; } = [];

    /// <summary>Makes the page of the HTML report, or null for none.</summary>
    public Func<RunResult, string>? Page { get; set; }

    /// <summary>Records the measurement of a claim or control.</summary>
    /// <param name="claim">Its id.</param>
    /// <param name="perSeed">One value per finished seed.</param>
    /// <exception cref="ArgumentException">It was recorded before.</exception>
    public void Record(string claim, IEnumerable<double> perSeed)
    {
        if (!_values.TryAdd(claim, [.. perSeed])) throw new ArgumentException($"claim = {claim}: is already recorded", nameof(claim));
    }

    /// <summary>Says why a claim or control has no measurement, where others have one.</summary>
    /// <param name="claim">Its id.</param>
    /// <param name="reason">Why.</param>
    public void NotRun(string claim, string reason) => _reasons[claim] = reason;

    internal IReadOnlyList<ClaimResult> Judge(IReadOnlyList<Claim> claims, string missing) =>
        [.. claims.Select(claim => Frame.Judge.Of(claim, _values.GetValueOrDefault(claim.Id, []), _reasons.GetValueOrDefault(claim.Id, missing)))];

    internal IEnumerable<string> Recorded => _values.Keys.Concat(_reasons.Keys);
}
