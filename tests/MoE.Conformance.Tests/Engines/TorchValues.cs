using System.Diagnostics.CodeAnalysis;
using MoE.Conformance.Runner;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Engines;

/// <summary>Tensors of the runner as TorchSharp's, and back. Copies and conversions of type only.</summary>
internal static class TorchValues
{
    [return: NotNullIfNotNull(nameof(values))]
    public static Tensor? Tensor(GoldenTensor? values)
    {
        if (values is null) return null;
        long[] shape = [.. values.Shape.Select(static d => (long)d)];
        return values.Kind switch
        {
            ElementKind.Integer => tensor(values.Integers.ToArray(), shape),
            ElementKind.Flag => tensor(values.Flags.ToArray(), shape),
            _ => tensor(values.ToSingles(), shape).to(values.Type == "bfloat16" ? ScalarType.BFloat16 : ScalarType.Float32),
        };
    }

    public static GoldenTensor Golden(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        int[] shape = [.. tensor.shape.Select(static d => (int)d)];
        if (tensor.numel() == 0)
        {
            return tensor.is_floating_point() ? GoldenTensor.OfSingles("float32", shape, [])
                : tensor.dtype == ScalarType.Bool ? GoldenTensor.OfFlags(shape, [])
                : GoldenTensor.OfIntegers("int64", shape, []);
        }

        var host = tensor.detach().cpu().contiguous();
        return host.dtype switch
        {
            ScalarType.Bool => GoldenTensor.OfFlags(shape, host.data<bool>().ToArray()),
            ScalarType.Int64 => GoldenTensor.OfIntegers("int64", shape, host.data<long>().ToArray()),
            ScalarType.BFloat16 => GoldenTensor.OfSingles("bfloat16", shape, host.to(ScalarType.Float32).data<float>().ToArray()),
            _ => GoldenTensor.OfSingles("float32", shape, host.to(ScalarType.Float32).data<float>().ToArray()),
        };
    }
}
