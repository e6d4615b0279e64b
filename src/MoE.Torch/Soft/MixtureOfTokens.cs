using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Mixture of tokens (Antoniak et al. 2023, arXiv 2310.15961): tokens at the same place of G sequences form a group; each expert sees one weighted mean of a group, softmax over its tokens of W x / tau, and its answer goes back
/// to them by the same weights. Nothing is dropped or discrete, and no token sees a later one of its sequence; but sequences of a batch see each other. Parameters: <c>controller</c> [E, D].
/// </summary>
public sealed class MixtureOfTokens : nn.Module<Tensor, Tensor>
{
    private readonly Parameter controller;
    private readonly ExpertBank experts;
    private double _temperature;

    /// <summary>Makes a layer.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="groupSize">G, positive; a last group of a batch may be smaller. 1: sequences are apart, and a token passes every expert.</param>
    /// <param name="experts">The experts; owned by the layer from now on.</param>
    /// <param name="temperature">tau, positive. The smaller, the nearer to one token per expert.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public MixtureOfTokens(int width, int groupSize, ExpertBank experts, double temperature = 1, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(MixtureOfTokens))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groupSize);
        ArgumentNullException.ThrowIfNull(experts);
        GroupSize = groupSize;
        Temperature = temperature;
        controller = Initial.Linear([experts.Experts, width], width, dtype, device, generator);
        this.experts = experts;
        RegisterComponents();
    }

    /// <summary>G.</summary>
    public int GroupSize { get; }

    /// <summary>tau, positive and finite; may fall during training.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is neither positive nor finite.</exception>
    public double Temperature
    {
        get => _temperature;
        set => _temperature = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "must be positive and finite");
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return mix(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, N, D], N positive. Sequences 0 to G - 1 form the first groups, and so on.</param>
    /// <param name="padding">[B, N] bool, true for padding: in no mean, and the output there is zero. Null: none.</param>
    /// <returns>The output [B, N, D], and each token's share in each expert's mean, [B, N, E].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Output, Tensor Weights) mix(Tensor x, Tensor? padding = null)
    {
        SoftSlots.Check(x, controller.shape[1]);
        TensorGuard.SameType(x, controller, nameof(x));
        SoftSlots.CheckPadding(padding, x);
        using var scope = NewDisposeScope();
        var outputs = new List<Tensor>();
        var weights = new List<Tensor>();
        long batch = x.shape[0], whole = batch / GroupSize * GroupSize;
        Add(0, whole, GroupSize);
        Add(whole, batch - whole, batch - whole);
        var (output, shares) = outputs.Count == 0 ? (x.alias(), x.matmul(controller.t())) : (cat(outputs), cat(weights));
        return (output.MoveToOuterDisposeScope(), shares.MoveToOuterDisposeScope());

        void Add(long start, long count, long size)
        {
            if (count == 0) return;
            var (part, shares) = Groups(x.narrow(0, start, count), padding?.narrow(0, start, count), size);
            outputs.Add(part);
            weights.Add(shares);
        }
    }

    private (Tensor Output, Tensor Weights) Groups(Tensor x_BND, Tensor? padding_BN, long size)
    {
        long groups = x_BND.shape[0] / size, length = x_BND.shape[1], width = x_BND.shape[2], count = experts.Experts;
        // Groups by place: [groups * N, G, D].
        var tokens_ZGD = x_BND.view(groups, size, length, width).transpose(1, 2).reshape(groups * length, size, width);
        var weights_ZGE = tokens_ZGD.matmul(controller.t()).div(_temperature);
        if (padding_BN is null)
        {
            weights_ZGE = weights_ZGE.softmax(1);
        }
        else
        {
            // Where a group is padding alone its even weights are taken back with the others.
            var absent_ZG1 = padding_BN.view(groups, size, length).transpose(1, 2).reshape(groups * length, size, 1);
            tokens_ZGD = tokens_ZGD.masked_fill(absent_ZG1, 0);
            weights_ZGE = weights_ZGE.masked_fill(absent_ZG1, x_BND.dtype == ScalarType.Float16 ? -6e4 : -1e30).softmax(1).masked_fill(absent_ZG1, 0);
        }

        var means_EZD = weights_ZGE.transpose(1, 2).matmul(tokens_ZGD).transpose(0, 1).reshape(count * groups * length, width);
        var done_EZD = experts.call(means_EZD, new ExpertSegments([.. Enumerable.Repeat(groups * length, (int)count)]));
        var back_ZGD = weights_ZGE.matmul(done_EZD.view(count, groups * length, -1).transpose(0, 1));
        return (Rows(back_ZGD), Rows(weights_ZGE));

        Tensor Rows(Tensor grouped) => grouped.view(groups, length, size, -1).transpose(1, 2).reshape(groups * size, length, -1);
    }
}
