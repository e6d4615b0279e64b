namespace MoE.Benchmarks;

/// <summary>One implementation of what a case measures, bound to a model and a number of threads.</summary>
public interface IContender : IDisposable
{
    /// <summary>Its name in reports.</summary>
    string Name { get; }

    /// <summary>Gets ready for batches of one size. Not timed.</summary>
    /// <param name="tokens">T.</param>
    void Prepare(int tokens);

    /// <summary>Computes one input. This is what is timed.</summary>
    /// <param name="input">Which of the model's inputs.</param>
    void Run(int input);

    /// <summary>What the last run computed. Not timed.</summary>
    Answer Read();
}
