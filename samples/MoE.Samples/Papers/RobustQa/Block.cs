using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>A pre-norm transformer block; its feed-forward layer is dense or a mixture.</summary>
public sealed class Block : nn.Module
{
    private const int Heads = 4;
    private readonly LayerNorm first;
    private readonly LayerNorm second;
    private readonly Linear input;
    private readonly Linear output;
    private readonly Sequential? dense;
    private readonly MoELayer? moe;

    /// <summary>Makes a block; its weights come from the global generator.</summary>
    public Block(int width, int hidden, MoELayer? mixture)
        : base(nameof(Block))
    {
        first = nn.LayerNorm(width);
        second = nn.LayerNorm(width);
        input = nn.Linear(width, 3 * width);
        output = nn.Linear(width, width);
        moe = mixture;
        if (mixture is null) dense = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width));
        RegisterComponents();
    }

    /// <summary>Runs it. Tensors stay in the caller's scope, where routing and losses are still wanted.</summary>
    /// <param name="x">[B, S, D].</param>
    /// <param name="seen">[B, 1, 1, S]: 0 for words, -infinity for padding.</param>
    /// <param name="context">For a mixture.</param>
    /// <param name="took">Takes the result of a mixture.</param>
    public Tensor run(Tensor x, Tensor seen, GateContext context, Action<MoEResult> took)
    {
        long batch = x.shape[0], length = x.shape[1], width = x.shape[2];
        var parts = input.call(first.call(x)).view(batch, length, 3, Heads, width / Heads).permute(2, 0, 3, 1, 4);
        var weights = (parts[0].matmul(parts[1].transpose(-2, -1)) / Math.Sqrt(width / (double)Heads) + seen).softmax(-1);
        x = x + output.call(weights.matmul(parts[2]).transpose(1, 2).reshape(batch, length, width));
        var normed = second.call(x);
        if (dense is not null) return x + dense.call(normed);
        var result = moe!.route(normed, context);
        took(result);
        return x + result.Output;
    }
}
