using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Trains two groups of parameters in turns, n steps of one and then m of the other, as router and experts in AdvMoE (Zhang et al. 2023): each side lowers its own loss while the other stands still. The parameters of the side
/// that waits take no gradient, so that neither its gradients nor the averages of its optimiser see the other's loss. Not thread-safe.
/// </summary>
public sealed class AlternatingTrainer
{
    private readonly Side _first;
    private readonly Side _second;

    /// <summary>Makes a trainer.</summary>
    /// <param name="first">Has the first turn of a round.</param>
    /// <param name="second">Has the second.</param>
    /// <exception cref="ArgumentException">A turn has no step, an optimiser no parameter, or both hold the same one; all problems are named.</exception>
    public AlternatingTrainer(AlternatingPlayer first, AlternatingPlayer second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        (_first, _second) = (new Side(first), new Side(second));
        var problems = new List<string>();
        foreach (var (player, argument, side) in new[] { (first, nameof(first), _first), (second, nameof(second), _second) })
        {
            if (player.Steps <= 0) problems.Add($"{argument}.Steps = {player.Steps}: must be positive");
            if (side.Parameters.Count == 0) problems.Add($"{argument}.Optimizer of \"{player.Name}\" holds no parameter");
        }

        int shared = _first.Parameters.Select(static p => p.Handle).Intersect(_second.Parameters.Select(static p => p.Handle)).Count();
        if (shared > 0) problems.Add($"the optimisers of \"{first.Name}\" and \"{second.Name}\" share {shared} parameters; each must be in one of them");
        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems));
    }

    /// <summary>Steps that the first player has made in all runs.</summary>
    public long FirstSteps => _first.Steps;

    /// <summary>Steps that the second player has made in all runs.</summary>
    public long SecondSteps => _second.Steps;

    /// <summary>Runs rounds of both turns; further runs go on where this one ends.</summary>
    /// <param name="rounds">Zero or more.</param>
    /// <param name="progress">Hears of every round; reading the losses waits for the device.</param>
    /// <param name="cancellation">Stops between two steps: what was learned until then stays.</param>
    /// <exception cref="InvalidOperationException">A loss is no scalar, or does not depend on its player's parameters.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public void Run(long rounds, IProgress<AlternatingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rounds);
        for (long round = 1; round <= rounds; round++)
        {
            double first = _first.Turn(_second, progress is not null, cancellation), second = _second.Turn(_first, progress is not null, cancellation);
            progress?.Report(new(round, rounds, first, second));
        }
    }

    private sealed class Side(AlternatingPlayer player)
    {
        public IReadOnlyList<Parameter> Parameters { get; } = [.. player.Optimizer.parameters()];

        public long Steps { get; private set; }

        // Gives the loss of the last step if it is to be read.
        public double Turn(Side other, bool read, CancellationToken cancellation)
        {
            double last = double.NaN;
            bool[] took = [.. other.Parameters.Select(static p => p.requires_grad)];
            try
            {
                foreach (var parameter in other.Parameters) parameter.requires_grad = false;
                for (int step = 0; step < player.Steps; step++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    using var scope = NewDisposeScope();
                    var loss = player.Loss(Steps);
                    if (loss.numel() != 1) throw new InvalidOperationException($"the loss of \"{player.Name}\" has shape {TensorGuard.Shape(loss)}; must be a scalar");
                    if (!loss.requires_grad) throw new InvalidOperationException($"the loss of \"{player.Name}\" depends on none of its parameters");
                    // After the loss, which may have left gradients of its own: those of an attack.
                    player.Optimizer.zero_grad();
                    loss.backward();
                    player.Optimizer.step();
                    player.Schedule?.step();
                    Steps++;
                    if (read && step == player.Steps - 1) last = HostReads.Scalar(loss);
                }
            }
            finally
            {
                for (int i = 0; i < took.Length; i++) other.Parameters[i].requires_grad = took[i];
            }

            return last;
        }
    }
}
