using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Blocks with an answer after each, that really stop: after every block the samples that leave are taken out of the batch, and only the others go on. Modules <c>blocks</c> and <c>heads</c>.
/// </summary>
public sealed class EarlyExitChain : nn.Module<Tensor, Tensor>
{
    private readonly ModuleList<nn.Module<Tensor, Tensor>> blocks;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> heads;
    private readonly Func<int, Tensor, Tensor> _leave;

    /// <summary>Makes a chain.</summary>
    /// <param name="blocks">L blocks, at least one; owned by the chain from now on.</param>
    /// <param name="heads">One head per block, from a block's output to an answer [B, ...]; owned by the chain.</param>
    /// <param name="leave">From the exit's number and its answer: [B] bool, true for the samples that stop. Not asked at the last exit.</param>
    /// <exception cref="ArgumentException">There is no block, or another number of heads.</exception>
    public EarlyExitChain(IReadOnlyList<nn.Module<Tensor, Tensor>> blocks, IReadOnlyList<nn.Module<Tensor, Tensor>> heads, Func<int, Tensor, Tensor> leave)
        : base(nameof(EarlyExitChain))
    {
        ArgumentNullException.ThrowIfNull(blocks);
        ArgumentNullException.ThrowIfNull(heads);
        ArgumentNullException.ThrowIfNull(leave);
        if (blocks.Count == 0 || heads.Count != blocks.Count) throw new ArgumentException($"blocks and heads hold {blocks.Count} and {heads.Count} modules; must be equally many, at least one", nameof(heads));
        this.blocks = new ModuleList<nn.Module<Tensor, Tensor>>([.. blocks]);
        this.heads = new ModuleList<nn.Module<Tensor, Tensor>>([.. heads]);
        _leave = leave;
        RegisterComponents();
    }

    /// <summary>A rule that stops where the largest probability of the answer reaches a threshold.</summary>
    /// <param name="threshold">Stop at this confidence or more.</param>
    public static Func<int, Tensor, Tensor> AtConfidence(double threshold) => (_, answer) =>
    {
        using var scope = NewDisposeScope();
        return answer.softmax(-1).amax([-1]).ge(threshold).MoveToOuterDisposeScope();
    };

    /// <summary>The answers of all exits for the whole batch, for training.</summary>
    /// <param name="x">[B, ...].</param>
    public IReadOnlyList<Tensor> all(Tensor x)
    {
        using var scope = NewDisposeScope();
        var answers = new List<Tensor>();
        for (int l = 0; l < blocks.Count; l++)
        {
            x = blocks[l].call(x);
            answers.Add(heads[l].call(x).MoveToOuterDisposeScope());
        }

        return answers;
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return run(x).Answer.MoveToOuterDisposeScope();
    }

    /// <summary>Runs each sample as far as it needs.</summary>
    /// <param name="x">[B, ...].</param>
    /// <returns>Answers in the order of the batch, and the exit each sample took, [B] int64.</returns>
    /// <exception cref="InvalidOperationException">The rule gave something else than one flag per sample.</exception>
    public (Tensor Answer, Tensor Exit) run(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        var rows = arange(x.shape[0], dtype: ScalarType.Int64, device: x.device);
        var answers = new List<Tensor>();
        var places = new List<Tensor>();
        var exits = new List<Tensor>();
        for (int l = 0; l < blocks.Count; l++)
        {
            x = blocks[l].call(x);
            var answer = heads[l].call(x);
            bool last = l == blocks.Count - 1;
            var stop = last ? ones([rows.shape[0]], dtype: ScalarType.Bool, device: x.device) : _leave(l, answer);
            if (stop.dim() != 1 || stop.shape[0] != rows.shape[0] || stop.dtype != ScalarType.Bool)
                throw new InvalidOperationException($"the rule gave {stop.dtype} {TensorGuard.Shape(stop)} at exit {l}; must give Bool [{rows.shape[0]}]");
            var leaving = stop.nonzero().squeeze(-1);
            answers.Add(answer.index_select(0, leaving));
            places.Add(rows.index_select(0, leaving));
            exits.Add(full_like(leaving, l));
            var going = stop.logical_not().nonzero().squeeze(-1);
            if (going.shape[0] == 0) break;
            x = x.index_select(0, going);
            rows = rows.index_select(0, going);
        }

        var (_, order) = cat(places, 0).sort(0, descending: false, stable: true);
        return (cat(answers, 0).index_select(0, order).MoveToOuterDisposeScope(), cat(exits, 0).index_select(0, order).MoveToOuterDisposeScope());
    }
}
