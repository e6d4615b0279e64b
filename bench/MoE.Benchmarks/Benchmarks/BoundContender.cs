namespace MoE.Benchmarks;

/// <summary>A contender with its model, ready for batches of one size: what a benchmark method calls. The inputs rotate.</summary>
internal sealed class BoundContender : IDisposable
{
    private readonly IBenchModel _model;
    private readonly IContender _contender;
    private int _next;

    private BoundContender(IBenchModel model, string name, BenchCase @case)
    {
        _model = model;
        _contender = model.Contender(name, @case);
        _contender.Prepare(@case.Tokens);
    }

    /// <summary>A router.</summary>
    public static BoundContender Router(string name, string config, int tokens)
    {
        var @case = new BenchCase(BenchMode.Router, BenchConfig.Named(config), "fp32", tokens, Threads: 1);
        return new BoundContender(new RouterModel(@case.Config, tokens), name, @case);
    }

    /// <summary>A linear layer with adapters.</summary>
    public static BoundContender Adapters(string name, string config, int tokens)
    {
        var @case = new BenchCase(BenchMode.Lora, BenchConfig.Named(config), "fp32", tokens, Threads: 1);
        return new BoundContender(new AdapterModel(@case.Config, tokens), name, @case);
    }

    /// <summary>A layer.</summary>
    public static BoundContender Layer(string name, BenchCase @case) => new(new LayerModel(@case.Config, @case.Tokens), name, @case);

    /// <summary>One call.</summary>
    public void Run()
    {
        _contender.Run(_next);
        _next = (_next + 1) % Alternation.Inputs;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _contender.Dispose();
        _model.Dispose();
    }
}
