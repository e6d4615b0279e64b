namespace MoE.Benchmarks;

/// <summary>One set of equal conditions under which contenders are measured.</summary>
/// <param name="Mode">What is measured.</param>
/// <param name="Config">The sizes.</param>
/// <param name="DType">Type of the weights, as in the reports.</param>
/// <param name="Tokens">T.</param>
/// <param name="Threads">Threads every contender may use.</param>
public sealed record BenchCase(BenchMode Mode, BenchConfig Config, string DType, int Tokens, int Threads)
{
    /// <summary>The name in reports, such as <c>infer/A/fp32/T512/th1</c>.</summary>
    public string Name => $"{ModeName}/{Config.Name}/{DType}/T{Tokens}/th{Threads}";

    /// <summary>The mode in reports.</summary>
    public string ModeName => Mode.ToString().ToLowerInvariant();

    /// <summary>Floating-point operations of the experts' products: 6 T K D F forward, three times that with the two backward products; of a linear layer with adapters 2 T D F + 4 T D r for equal widths; 0 for a router.</summary>
    public double Flops => Mode == BenchMode.Lora ? 2.0 * Tokens * ((double)Config.Width * Config.ExpertWidth + (double)Config.Rank * (Config.Width + Config.ExpertWidth)) : (Mode == BenchMode.Train ? 18.0 : 6.0) * Tokens * Config.Choices * Config.Width * Config.ExpertWidth;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
