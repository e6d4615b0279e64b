using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Initial parameters.</summary>
internal static class Initial
{
    /// <summary>U(-1/sqrt(fanIn), 1/sqrt(fanIn)): what a linear layer starts with.</summary>
    public static Parameter Linear(long[] shape, long fanIn, ScalarType? dtype, Device? device, Generator? generator)
    {
        double bound = 1 / Math.Sqrt(fanIn);
        using var scope = NewDisposeScope();
        // Drawn in single precision on the CPU, so that one seed gives one layer whatever its type and device.
        var unit = rand(shape, dtype: ScalarType.Float32, generator: generator);
        var values = unit.mul(2 * bound).sub(bound).to(dtype ?? ScalarType.Float32, device ?? CPU);
        return new Parameter(values.DetachFromDisposeScope());
    }

    public static Parameter Zeros(long[] shape, ScalarType? dtype, Device? device) =>
        new(zeros(shape, dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope());
}
