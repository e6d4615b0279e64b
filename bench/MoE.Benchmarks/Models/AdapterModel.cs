using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>A linear layer with low-rank adapters, and batches whose rows use different ones, drawn evenly.</summary>
internal sealed class AdapterModel : IBenchModel
{
    private const int Seed = 20260103;

    private readonly Dictionary<(int Tokens, int Input), int[]> _which = [];
    private readonly Dictionary<(int Tokens, int Input), Tensor> _whichTensor = [];

    public AdapterModel(BenchConfig config, int maxTokens)
    {
        Config = config;
        using var guard = no_grad();
        using var generator = new Generator((ulong)Seed);
        using var scope = NewDisposeScope();
        Tensor Draw(double scale, params long[] shape) => randn(shape, generator: generator).mul_(scale).DetachFromDisposeScope();
        Weight = Draw(1 / Math.Sqrt(config.Width), config.ExpertWidth, config.Width);
        A = Draw(1 / Math.Sqrt(config.Width), config.Experts, config.Rank, config.Width);
        B = Draw(1 / Math.Sqrt(config.Rank), config.Experts, config.ExpertWidth, config.Rank);
        Rows = Draw(1, (Alternation.Inputs - 1) * Math.Min(maxTokens, 512) + Math.Max(maxTokens, 512), config.Width);
        Spec = new LoraSpec { Rank = config.Rank, Alpha = 2 * config.Rank };
    }

    /// <summary>The sizes.</summary>
    public BenchConfig Config { get; }

    /// <summary>[out, in].</summary>
    public Tensor Weight { get; }

    /// <summary>[n, r, in].</summary>
    public Tensor A { get; }

    /// <summary>[n, out, r].</summary>
    public Tensor B { get; }

    /// <summary>The form of every adapter; its scale is 2.</summary>
    public LoraSpec Spec { get; }

    private Tensor Rows { get; }

    /// <summary>An input, [T, in]; a view that the caller disposes.</summary>
    public Tensor Input(int tokens, int input) => Rows.narrow(0, TokenPool.FirstRow(tokens, input), tokens);

    /// <summary>The adapter of every row of an input.</summary>
    public int[] Which(int tokens, int input)
    {
        if (_which.TryGetValue((tokens, input), out int[]? which)) return which;
        var random = new Random(HashCode.Combine(Seed, tokens, input));
        return _which[(tokens, input)] = [.. Enumerable.Range(0, tokens).Select(_ => random.Next(Config.Experts))];
    }

    /// <summary>The same as a tensor, [T] int64; stays the model's.</summary>
    public Tensor WhichTensor(int tokens, int input)
    {
        if (_whichTensor.TryGetValue((tokens, input), out var which)) return which;
        return _whichTensor[(tokens, input)] = tensor(Array.ConvertAll(Which(tokens, input), static w => (long)w)).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public IContender Contender(string name, BenchCase @case) => ContenderRegistry.Adapter(name, @case, this);

    /// <inheritdoc/>
    public IEnumerable<(int Input, Answer Answer)> References(BenchCase @case)
    {
        foreach (int input in new[] { 0, Alternation.Inputs - 1 }) yield return (input, Reference(@case.Tokens, input));
    }

    /// <inheritdoc/>
    public double WeightBytes(BenchCase @case) =>
        sizeof(float) * ((double)Weight.numel() + Enumerable.Range(0, Alternation.Inputs).Average(i => Which(@case.Tokens, i).Distinct().Count()) * Config.Rank * (Config.Width + Config.ExpertWidth));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _whichTensor.Values.Concat([Weight, A, B, Rows])) tensor.Dispose();
    }

    // Row by row, in double precision.
    private Answer Reference(int tokens, int input)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var x = Input(tokens, input).to(ScalarType.Float64);
        var y = x.mm(Weight.to(ScalarType.Float64).t());
        int[] which = Which(tokens, input);
        foreach (var rows in Enumerable.Range(0, tokens).GroupBy(t => which[t]))
        {
            var at = tensor(rows.Select(static t => (long)t).ToArray());
            var h = x.index_select(0, at).mm(A[rows.Key].to(ScalarType.Float64).t());
            y.index_add_(0, at, h.mm(B[rows.Key].to(ScalarType.Float64).t()), Spec.Scale);
        }

        return new Answer(new AnswerPart("output", y.ToSingles()));
    }
}
