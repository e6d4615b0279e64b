using Microsoft.ML.OnnxRuntime;
using MoE.Onnx;

namespace MoE.Benchmarks;

/// <summary>
/// A layer in ONNX Runtime, written by this library's exporter: bound inputs and outputs, no copies, weights in the session. Its threads spin during a call, which it is fastest with,
/// and not after it, when the next contender needs their cores.
/// </summary>
internal sealed class OrtInference : IContender
{
    private readonly LayerModel _model;
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly List<OrtValue> _values = [];
    private OrtIoBinding[] _inputs = [];
    private float[] _output = [];

    public OrtInference(string name, LayerModel model, OnnxLayerForm form, int threads, WeightFormat format = WeightFormat.Single)
    {
        Name = name;
        _model = model;
        using var options = new SessionOptions { IntraOpNumThreads = threads };
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        _session = new InferenceSession(Write(model, form, format), options);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Prepare(int tokens)
    {
        Release();
        long[] shape = [tokens, _model.Config.Width];
        _output = new float[tokens * _model.Config.Width];
        var output = Keep(OrtValue.CreateTensorValueFromMemory(_output, shape));
        _inputs = [.. _model.Tokens.Inputs(tokens).Select(x =>
        {
            var binding = _session.CreateIoBinding();
            binding.BindInput(_session.InputNames[0], Keep(OrtValue.CreateTensorValueFromMemory(x.ToSingles(), shape)));
            binding.BindOutput(_session.OutputNames[0], output);
            return binding;
        })];
    }

    /// <inheritdoc/>
    public void Run(int input) => _session.RunWithBinding(_options, _inputs[input]);

    /// <inheritdoc/>
    public Answer Read() => new(new AnswerPart("y", [.. _output]));

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        _options.Dispose();
        _session.Dispose();
    }

    // Equal logits go to ONNX Runtime's own choice, so that its operator needs no router in front of it; the inputs hold no equal logits.
    private static byte[] Write(LayerModel model, OnnxLayerForm form, WeightFormat format)
    {
        var spec = model.Config.ToLayerSpec();
        // Its own router where the operator has one for the spec, and for 4 bits the faster of its two ways.
        var options = format == WeightFormat.Single ? new OnnxLayerOptions() : new OnnxLayerOptions { RoutingOutputs = false, Format = format, Activations = ActivationFormat.Int8 };
        return OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec with { Router = spec.Router with { Ties = TieRule.HighestIndex } }, model.Weights, form, options));
    }

    private OrtValue Keep(OrtValue value)
    {
        _values.Add(value);
        return value;
    }

    private void Release()
    {
        foreach (var binding in _inputs) binding.Dispose();
        foreach (var value in _values) value.Dispose();
        _values.Clear();
        _inputs = [];
    }
}
