using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Synthetic;

/// <summary>Trains an architecture on repetitions of the synthetic tasks.</summary>
/// <param name="Repetitions">Independent data and initial weights.</param>
/// <param name="Training">Rows to train on.</param>
/// <param name="Epochs">Passes.</param>
public sealed record SyntheticStudy(int Repetitions, int Training, int Epochs)
{
    private const int Batch = 100, Held = 2000;

    /// <summary>Mean squared errors per repetition, both tasks.</summary>
    /// <param name="Testing">On held-out rows.</param>
    /// <param name="Validation">On other held-out rows, for the choice of a rate.</param>
    public readonly record struct Errors(double[] Testing, double[] Validation);

    /// <summary>Trains with Adam.</summary>
    /// <param name="architecture">What to train.</param>
    /// <param name="correlation">p.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="seed">Data and weights; architectures of a seed see the same data.</param>
    /// <param name="progress">Takes the fraction done; may throw to stop.</param>
    public Errors Run(Architecture architecture, double correlation, double rate, long seed, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        var (x, y) = SyntheticTasks.Draw(seed, correlation, Repetitions, Training + 2 * Held);
        manual_seed(seed);
        using var model = new BatchedModel(architecture, Repetitions);
        using var optimizer = optim.Adam(model.parameters(), rate);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            using var order = NewDisposeScope();
            foreach (var rows in randperm(Training).split(Batch))
            {
                using var step = NewDisposeScope();
                optimizer.zero_grad();
                var difference = model.call(x.index_select(1, rows)) - y.index_select(1, rows);
                (difference.square().mean() * Repetitions).backward();
                optimizer.step();
            }

            progress((epoch + 1.0) / Epochs);
        }

        using var guard = no_grad();
        double[] Error(int from)
        {
            var difference = model.call(x.narrow(1, from, Held)) - y.narrow(1, from, Held);
            return [.. difference.square().mean([1L, 2L]).to(ScalarType.Float64).data<double>()];
        }

        return new(Error(Training), Error(Training + Held));
    }
}
