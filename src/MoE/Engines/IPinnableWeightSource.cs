using System.Buffers;

namespace MoE;

/// <summary>A source whose tensors can be held where they lie, for engines that run over the caller's memory instead of a copy.</summary>
public interface IPinnableWeightSource : IWeightSource
{
    /// <summary>Holds a tensor's bytes in place until the handle is disposed of.</summary>
    /// <param name="name">A name of the source.</param>
    /// <returns>The address of <see cref="WeightTensor.Data"/>.</returns>
    /// <exception cref="ArgumentException">There is no such tensor.</exception>
    MemoryHandle Pin(string name);
}
