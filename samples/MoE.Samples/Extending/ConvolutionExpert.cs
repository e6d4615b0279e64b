using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>Your own expert: any module from rows [rows, 64] to rows [rows, 64] will do. This one sees each row as an image of 8x8 pixels.</summary>
public sealed class ConvolutionExpert : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d convolution = nn.Conv2d(1, 4, 3, padding: 1);
    private readonly Linear output = nn.Linear(4 * 8 * 8, 64);

    public ConvolutionExpert()
        : base(nameof(ConvolutionExpert)) => RegisterComponents();

    public override Tensor forward(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var maps = convolution.call(rows.view(-1, 1, 8, 8)).relu();
        return output.call(maps.flatten(1)).MoveToOuterDisposeScope();
    }
}
