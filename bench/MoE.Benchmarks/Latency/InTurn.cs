namespace MoE.Benchmarks;

/// <summary>An engine that is not safe for several callers, with a lock around it.</summary>
internal sealed class InTurn(IMoEEngine engine) : IMoEEngine
{
    private readonly Lock _lock = new();

    public string Name => engine.Name;

    public MoELayerSpec Spec => engine.Spec;

    public Routing Route(ReadOnlySpan<float> tokens)
    {
        lock (_lock) return engine.Route(tokens);
    }

    public void Forward(ReadOnlySpan<float> tokens, Span<float> output)
    {
        lock (_lock) engine.Forward(tokens, output);
    }

    public void Dispose() => engine.Dispose();
}
