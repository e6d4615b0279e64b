using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Synthetic;

/// <summary>
/// Independent models of one architecture, one per repetition, trained side by side as batched products: the losses add up, so no gradient crosses. Small models spend their time in calls; this is one call for all.
/// A claim holds each against the library's <see cref="CustomizedGateControl"/>.
/// </summary>
public sealed class BatchedModel : nn.Module<Tensor, Tensor>
{
    /// <summary>Experts, units of each, units of a tower's hidden layer, width of the shared bottom of equal parameters.</summary>
    public const int Experts = 8, Units = 16, Tower = 8, SharedWidth = 113;

    private readonly Architecture _architecture;
    private readonly Parameter bottom_weight;
    private readonly Parameter bottom_bias;
    private readonly Parameter? gate;
    private readonly Parameter tower_weight;
    private readonly Parameter tower_bias;
    private readonly Parameter head_weight;
    private readonly Parameter head_bias;

    /// <summary>Makes R models with weights of their own, drawn as linear layers' are.</summary>
    /// <param name="architecture">What stands below the towers.</param>
    /// <param name="repetitions">R.</param>
    public BatchedModel(Architecture architecture, int repetitions)
        : base(nameof(BatchedModel))
    {
        _architecture = architecture;
        bool shared = architecture == Architecture.SharedBottom;
        int bottom = shared ? SharedWidth : Experts * Units, mixed = shared ? SharedWidth : Units, gates = architecture switch { Architecture.SharedBottom => 0, Architecture.OneGate => 1, _ => 2 };
        Parameter Draw(int from, params long[] shape) => new(((rand(shape) * 2 - 1) / Math.Sqrt(from)).DetachFromDisposeScope());
        bottom_weight = Draw(SyntheticTasks.Width, repetitions, SyntheticTasks.Width, bottom);
        bottom_bias = Draw(SyntheticTasks.Width, repetitions, 1, bottom);
        if (gates > 0) gate = Draw(SyntheticTasks.Width, repetitions, SyntheticTasks.Width, gates * Experts);
        // Towers of both tasks lie behind each other in the first dimension.
        tower_weight = Draw(mixed, 2 * repetitions, mixed, Tower);
        tower_bias = Draw(mixed, 2 * repetitions, 1, Tower);
        head_weight = Draw(Tower, 2 * repetitions, Tower, 1);
        head_bias = Draw(Tower, 2 * repetitions, 1, 1);
        RegisterComponents();
    }

    /// <summary>Parameters of one model.</summary>
    public long Parameters => parameters().Sum(static p => p.numel()) / bottom_weight.shape[0];

    /// <summary>Both tasks, [R, N, 2].</summary>
    /// <param name="input">[R, N, 100].</param>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        long repetitions = input.shape[0], count = input.shape[1];
        var mixtures = mix(input);
        var hidden = (bmm(cat([.. mixtures]), tower_weight) + tower_bias).relu();
        return (bmm(hidden, head_weight) + head_bias).reshape(2, repetitions, count).permute(1, 2, 0).MoveToOuterDisposeScope();
    }

    /// <summary>What each tower sees, [R, N, units].</summary>
    public IReadOnlyList<Tensor> mix(Tensor x)
    {
        using var scope = NewDisposeScope();
        var bottom = (bmm(x, bottom_weight) + bottom_bias).relu();
        if (gate is null)
        {
            bottom.MoveToOuterDisposeScope();
            return [bottom, bottom];
        }

        var experts = bottom.reshape(x.shape[0], x.shape[1], Experts, Units);
        Tensor[] mixtures = [.. bmm(x, gate).split(Experts, -1).Select(l => (experts * l.softmax(-1).unsqueeze(-1)).sum(2).MoveToOuterDisposeScope())];
        return [mixtures[0], mixtures[^1]];
    }

    /// <summary>The largest difference of what the towers see from the library's multi-gate mixture with the weights of a repetition.</summary>
    /// <param name="x">[R, N, 100].</param>
    /// <param name="repetition">Which.</param>
    public double LibraryDifference(Tensor x, int repetition)
    {
        if (_architecture == Architecture.SharedBottom) throw new InvalidOperationException("a shared bottom is no mixture");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var weights = bottom_weight[repetition].split(Units, -1);
        var biases = bottom_bias[repetition].split(Units, -1);
        var experts = weights.Zip(biases, static (w, b) => (nn.Module<Tensor, Tensor>)nn.Sequential(Linear(w, b.reshape(-1)), nn.ReLU()));
        var gates = gate![repetition].split(Experts, -1);
        using var library = CustomizedGateControl.MultiGate(experts, new[] { gates[0], gates[^1] }.Select(static g => Linear(g, null)));
        var ours = mix(x);
        return library.mix(x[repetition]).Tasks.Select((mixture, t) => (mixture - ours[t][repetition]).abs().max().item<float>()).Max();
    }

    private static Linear Linear(Tensor weight, Tensor? bias)
    {
        var linear = nn.Linear(weight.shape[0], weight.shape[1], bias is not null);
        linear.weight.copy_(weight.t());
        if (bias is not null) linear.bias!.copy_(bias);
        return linear;
    }
}
