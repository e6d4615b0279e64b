namespace MoE.Benchmarks;

/// <summary>Any engine of the library on host memory.</summary>
internal sealed class EngineInference : IContender
{
    private readonly IMoEEngine _engine;
    private readonly LayerModel _model;
    private float[][] _inputs = [];
    private float[] _output = [];

    /// <param name="name">Name in reports.</param>
    /// <param name="model">The model.</param>
    /// <param name="engine">The engine; owned from now on.</param>
    public EngineInference(string name, LayerModel model, IMoEEngine engine)
    {
        Name = name;
        _model = model;
        _engine = engine;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Prepare(int tokens)
    {
        _inputs = [.. _model.Tokens.Inputs(tokens).Select(static x => x.ToSingles())];
        _output = new float[tokens * _model.Config.Width];
    }

    /// <inheritdoc/>
    public void Run(int input) => _engine.Forward(_inputs[input], _output);

    /// <inheritdoc/>
    public Answer Read() => new(new AnswerPart("y", [.. _output]));

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();
}
