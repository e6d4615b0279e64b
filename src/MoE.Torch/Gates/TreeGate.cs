using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A router that is a soft decision tree: at each of E - 1 inner nodes a token goes right with probability s((w x + b) / tau), and an expert's probability is the product along its path (Jordan and Jacobs 1994, "Hierarchical
/// mixtures of experts and the EM algorithm"; Frosst and Hinton 2017, arXiv 1711.09784). Logits are the logarithms of these probabilities, so a softmax over all of them gives the tree's own; with <see cref="AllSelection"/> it
/// is the classical hierarchical mixture, with top-k a sparse one. Parameters: <c>weight</c> [E - 1, D], <c>bias</c> [E - 1], nodes by levels from the root.
/// </summary>
/// <remarks>The tree is as flat as it can be: leaves of a number that is no power of two lie on two levels. Node n has the children 2 n + 1 (left) and 2 n + 2; experts are the leaves in the order of these numbers.</remarks>
public sealed class TreeGate : SpecGate
{
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly double _temperature;
    private readonly long[] _turns;
    private readonly int _depth;

    /// <summary>Makes a gate.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="temperature">tau, positive: the smaller, the harder the turns.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public TreeGate(RouterSpec spec, int width, double temperature = 1, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(TreeGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (!(temperature > 0 && double.IsFinite(temperature))) throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "must be positive and finite");
        _temperature = temperature;
        (_turns, _depth) = Paths(spec.Experts);
        weight = Initial.Linear([spec.Experts - 1, width], width, dtype, device, generator);
        bias = Initial.Zeros([spec.Experts - 1], dtype, device);
        RegisterComponents();
    }

    /// <summary>w of each inner node, [E - 1, D].</summary>
    public Parameter Weight => weight;

    /// <summary>b of each inner node, [E - 1].</summary>
    public Parameter Bias => bias;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The width or type is not that of the weight.</exception>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, weight.shape[1], weight);
        using var scope = NewDisposeScope();
        // A tree of one leaf asks nothing; a token that is not finite shows all the same.
        if (Experts == 1) return x_TD.sum(1, keepdim: true).mul(0).MoveToOuterDisposeScope();
        var right_TN = nn.functional.linear(x_TD, weight, bias).div(_temperature);
        // Column 2 n is a left turn at node n, column 2 n + 1 a right one, and the last no turn at all.
        var turns_TX = cat([nn.functional.logsigmoid(stack([right_TN.neg(), right_TN], 2)).flatten(1), x_TD.new_zeros(x_TD.shape[0], 1)], 1);
        var path = tensor(_turns, device: x_TD.device);
        return turns_TX.index_select(1, path).view(x_TD.shape[0], Experts, _depth).sum(-1).MoveToOuterDisposeScope();
    }

    // For each leaf the columns of its turns, root last, filled up with the column of no turn.
    private static (long[] Turns, int Depth) Paths(int experts)
    {
        int depth = (int)Math.Ceiling(Math.Log2(experts));
        var turns = new long[experts * depth];
        Array.Fill(turns, 2L * (experts - 1));
        for (int e = 0; e < experts; e++)
            for (int node = experts - 1 + e, i = 0; node > 0; node = (node - 1) / 2, i++)
                turns[e * depth + i] = 2 * ((node - 1) / 2) + (node % 2 == 0 ? 1 : 0);
        return (turns, depth);
    }
}
