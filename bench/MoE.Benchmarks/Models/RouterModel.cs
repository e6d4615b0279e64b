using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>Logits for a router alone, as a tensor and as host memory.</summary>
internal sealed class RouterModel : IBenchModel
{
    private const int Seed = 20260102;
    private const double Deviation = 1.5;

    private readonly float[] _logits;

    public RouterModel(BenchConfig config, int maxTokens)
    {
        Config = config;
        using var generator = new Generator((ulong)Seed);
        Logits = new TokenPool(count => randn(count, config.Experts, generator: generator).mul_(Deviation), static rows => rows.to(ScalarType.Float64), config.Choices, maxTokens);
        _logits = Logits.Rows.ToSingles();
    }

    /// <summary>The sizes.</summary>
    public BenchConfig Config { get; }

    /// <summary>The inputs as tensors.</summary>
    public TokenPool Logits { get; }

    /// <summary>An input in host memory, [T, E].</summary>
    public ReadOnlySpan<float> Host(int tokens, int input) => _logits.AsSpan(TokenPool.FirstRow(tokens, input) * Config.Experts, tokens * Config.Experts);

    /// <inheritdoc/>
    public IContender Contender(string name, BenchCase @case) => ContenderRegistry.Router(name, @case, this);

    /// <inheritdoc/>
    public IEnumerable<(int Input, Answer Answer)> References(BenchCase @case)
    {
        for (int i = 0; i < Alternation.Inputs; i++)
            yield return (i, RouterAnswer.Reference(Host(@case.Tokens, i), Config.Experts, Config.Choices));
    }

    /// <inheritdoc/>
    public double WeightBytes(BenchCase @case) => 0;

    /// <inheritdoc/>
    public void Dispose() => Logits.Dispose();
}
