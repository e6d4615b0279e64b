namespace MoE.Benchmarks;

/// <summary>Weights and inputs of one configuration, shared by its contenders.</summary>
internal interface IBenchModel : IDisposable
{
    /// <summary>Makes a contender.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="case">A case of this configuration: mode, type and threads count.</param>
    IContender Contender(string name, BenchCase @case);

    /// <summary>The answers to some inputs of a case; the first input is always among them.</summary>
    IEnumerable<(int Input, Answer Answer)> References(BenchCase @case);

    /// <summary>Bytes of the experts that an input of a case touches, the mean over the inputs.</summary>
    double WeightBytes(BenchCase @case);
}
