using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MoE.Onnx;

/// <summary>
/// One caller's way through a session: tokens in, output out, both in the caller's memory. The bound values are kept from call to call;
/// as long as the addresses and T stay the same, a call allocates nothing.
/// </summary>
internal sealed class OrtLane : IDisposable
{
    private readonly InferenceSession _session;
    private readonly int _width;
    private readonly RunOptions _options = new();
    private readonly OrtIoBinding _binding;
    private OrtValue? _tokens, _output;
    private nint _tokensAt, _outputAt;
    private int _count = -1;

    public OrtLane(InferenceSession session, int width)
    {
        _session = session;
        _width = width;
        _binding = session.CreateIoBinding();
    }

    /// <summary>Runs T tokens. Both memories are pinned by the caller for the length of the call; the addresses are not used after it.</summary>
    public void Run(nint tokens, nint output, int count)
    {
        if (_tokens is null || _tokensAt != tokens || _count != count)
        {
            Replace(ref _tokens, tokens, count);
            _binding.BindInput(OnnxNames.Tokens, _tokens!);
        }

        if (_output is null || _outputAt != output || _count != count)
        {
            Replace(ref _output, output, count);
            _binding.BindOutput(OnnxNames.Output, _output!);
        }

        (_tokensAt, _outputAt, _count) = (tokens, output, count);
        _session.RunWithBinding(_options, _binding);
    }

    public void Dispose()
    {
        _binding.Dispose();
        _options.Dispose();
        _tokens?.Dispose();
        _output?.Dispose();
    }

    private void Replace(ref OrtValue? value, nint address, int count)
    {
        var old = value;
        value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, TensorElementType.Float, [count, _width], address, (long)count * _width * sizeof(float));
        // The binding holds the native value by itself until another is bound.
        old?.Dispose();
    }
}
