using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Customization;

/// <summary>The local expert: a correction of low rank to the global expert's logits, read off its last hidden layer. Nothing at first.</summary>
public sealed class LocalExpert : nn.Module<Tensor, Tensor>
{
    private readonly Linear down;
    private readonly Linear up;

    /// <summary>Makes one.</summary>
    /// <param name="rank">Width of the bottleneck.</param>
    /// <param name="classes">C.</param>
    public LocalExpert(int rank, int classes)
        : base(nameof(LocalExpert))
    {
        down = nn.Linear(LeNet.Features, rank, hasBias: false);
        up = nn.Linear(rank, classes);
        using (no_grad())
        {
            nn.init.zeros_(up.weight);
            nn.init.zeros_(up.bias!);
        }

        RegisterComponents();
    }

    /// <summary>The correction, [images, C].</summary>
    /// <param name="input">[images, 84].</param>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return up.call(down.call(input)).MoveToOuterDisposeScope();
    }
}
