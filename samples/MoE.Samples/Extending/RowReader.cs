using MoE.Samples.Digits;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>An existing model: a transformer block that reads the eight rows of an image as eight tokens. It knows nothing of experts; its feed-forward part is any module.</summary>
public sealed class RowReader : nn.Module<Tensor, Tensor>
{
    public const int Width = 32;

    private readonly Linear embed = nn.Linear(8, Width);
    private readonly Parameter positions = new(randn(8, Width).mul(0.1));
    private readonly LayerNorm before_attention = nn.LayerNorm(Width);
    private readonly Linear query_key_value = nn.Linear(Width, 3 * Width);
    private readonly LayerNorm before_feed_forward = nn.LayerNorm(Width);
    private readonly nn.Module<Tensor, Tensor> feed_forward;
    private readonly Linear head = nn.Linear(8 * Width, DigitImages.Classes);

    public RowReader(nn.Module<Tensor, Tensor> feedForward)
        : base(nameof(RowReader))
    {
        feed_forward = feedForward;
        RegisterComponents();
    }

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = embed.call(images.view(-1, 8, 8)) + positions;
        var parts = query_key_value.call(before_attention.call(x)).chunk(3, -1);
        x = x + nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2]);
        x = x + feed_forward.call(before_feed_forward.call(x));
        return head.call(x.flatten(1)).MoveToOuterDisposeScope();
    }
}
