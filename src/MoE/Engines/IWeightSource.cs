namespace MoE;

/// <summary>Named tensors of one layer. Names are those of <see cref="WeightNames"/>; the memory stays valid as long as the source.</summary>
public interface IWeightSource
{
    /// <summary>All names.</summary>
    IEnumerable<string> Names { get; }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">A name of <see cref="WeightNames"/>.</param>
    /// <param name="tensor">The tensor, if found.</param>
    bool TryGet(string name, out WeightTensor tensor);
}
