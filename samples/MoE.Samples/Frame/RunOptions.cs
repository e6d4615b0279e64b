using MoE.Samples.Data;

namespace MoE.Samples.Frame;

/// <summary>How to run: what the command line says.</summary>
public sealed record RunOptions
{
    /// <summary>Changes data draws, initial weights and order.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How much work.</summary>
    public Scale Scale { get; init; } = Scale.Quick;

    /// <summary>Where data sets are looked for.</summary>
    public DataFolders Data { get; init; } = new(null);

    /// <summary>The mechanism to leave out, or null.</summary>
    public string? Ablated { get; init; }

    /// <summary>Where reports are written: a subfolder per sample.</summary>
    public string Out { get; init; } = Path.Combine("artifacts", "samples");
}
