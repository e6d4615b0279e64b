using MoE.Samples.Ratings;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Dtrn;

/// <summary>
/// The task-specific interest module: one transformer layer for all tasks and kinds of sequences, whose layer norms take scale and shift from a small network of the task's and the kind's embeddings; the film in question then attends to the
/// sequence. CLN(h) = gamma(task, kind) (h - mean) / sd + beta(task, kind).
/// </summary>
public sealed class InterestModule : nn.Module
{
    private const int Condition = 8, Norms = 2;
    private readonly int _width;
    private readonly Parameter tasks;
    private readonly Parameter kinds;
    private readonly Parameter positions;
    private readonly Sequential hyper;
    private readonly Linear attention;
    private readonly Linear merge;
    private readonly Sequential feed;

    /// <summary>Makes one.</summary>
    /// <param name="taskCount">Number of tasks.</param>
    /// <param name="width">d, of films.</param>
    /// <param name="length">Films of a sequence.</param>
    public InterestModule(int taskCount, int width, int length)
        : base(nameof(InterestModule))
    {
        _width = width;
        tasks = new Parameter(randn(taskCount, Condition).DetachFromDisposeScope());
        kinds = new Parameter(randn(RatingSequences.Kinds, Condition).DetachFromDisposeScope());
        positions = new Parameter((randn(length, width) * 0.1).DetachFromDisposeScope());
        hyper = nn.Sequential(nn.Linear(2 * Condition, 2 * Condition), nn.ReLU(), nn.Linear(2 * Condition, Norms * 2 * width));
        attention = nn.Linear(width, 3 * width);
        merge = nn.Linear(width, width);
        feed = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width));
        RegisterComponents();
    }

    /// <summary>Scales minus one and shifts of the layer norms for a task and a kind, [norms, 2, d]: 0 leaves a norm as it is.</summary>
    public Tensor conditions(int task, int kind)
    {
        using var scope = NewDisposeScope();
        return hyper.call(cat([tasks[task], kinds[kind]])).reshape(Norms, 2, _width).MoveToOuterDisposeScope();
    }

    /// <summary>What a task sees in a sequence of one kind, [B, d].</summary>
    /// <param name="task">The task.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="films">[B, length, d].</param>
    /// <param name="absent">[B, length], true where there is no film.</param>
    /// <param name="target">The film in question, [B, d].</param>
    public Tensor interest(int task, int kind, Tensor films, Tensor absent, Tensor target)
    {
        using var scope = NewDisposeScope();
        var norm = conditions(task, kind);
        Tensor Norm(Tensor h, int which) => nn.functional.layer_norm(h, [_width]) * (norm[which, 0] + 1) + norm[which, 1];
        // A sequence without films attends to itself alike everywhere; its interest is then zero.
        var bias = absent.to(ScalarType.Float32) * -1e4f;
        var rows = films + positions;
        var parts = attention.call(Norm(rows, 0)).chunk(3, -1);
        var weights = (parts[0].matmul(parts[1].transpose(-1, -2)) / Math.Sqrt(_width) + bias.unsqueeze(1)).softmax(-1);
        rows = rows + merge.call(weights.matmul(parts[2]));
        rows = rows + feed.call(Norm(rows, 1));
        var looks = ((rows * target.unsqueeze(1)).sum(-1) / Math.Sqrt(_width) + bias).softmax(-1);
        var some = absent.logical_not().any(1, keepdim: true).to(ScalarType.Float32);
        return ((rows * looks.unsqueeze(-1)).sum(1) * some).MoveToOuterDisposeScope();
    }
}
