using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Language;

/// <summary>Sizes of a <see cref="TinyTransformer"/>.</summary>
/// <param name="Width">D.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="Heads">Attention heads; divide D.</param>
/// <param name="Context">Longest sequence.</param>
public sealed record TransformerSize(int Width, int Layers, int Heads, int Context);

/// <summary>A small decoder-only transformer: learned positions, pre-norm blocks, GELU.</summary>
public sealed class TinyTransformer : nn.Module<Tensor, Tensor>
{
    private readonly Embedding token;
    private readonly Embedding position;
    private readonly ModuleList<Block> blocks;
    private readonly LayerNorm norm;
    private readonly Linear head;

    /// <summary>Makes a model from the global generator.</summary>
    public TinyTransformer(int vocabulary, TransformerSize size)
        : base(nameof(TinyTransformer))
    {
        Size = size;
        token = nn.Embedding(vocabulary, size.Width);
        position = nn.Embedding(size.Context, size.Width);
        using (no_grad())
        {
            token.weight!.mul_(0.05);
            position.weight!.mul_(0.05);
        }

        blocks = new ModuleList<Block>([.. Enumerable.Range(0, size.Layers).Select(_ => new Block(size))]);
        norm = nn.LayerNorm(size.Width);
        head = nn.Linear(size.Width, vocabulary, hasBias: false);
        RegisterComponents();
    }

    /// <summary>The sizes.</summary>
    public TransformerSize Size { get; }

    /// <summary>Token and position embeddings, before any block: [B, T] to [B, T, D].</summary>
    public Tensor Embed(Tensor ids)
    {
        using var scope = NewDisposeScope();
        return (token.call(ids) + position.call(arange(ids.shape[1], dtype: ScalarType.Int64))).MoveToOuterDisposeScope();
    }

    /// <summary>The last hidden state: [B, T] to [B, T, D].</summary>
    public Tensor Hidden(Tensor ids)
    {
        using var scope = NewDisposeScope();
        return HiddenOf(Embed(ids)).MoveToOuterDisposeScope();
    }

    /// <summary>The last hidden state of embeddings, whatever they are of: [B, T, D] to [B, T, D].</summary>
    public Tensor HiddenOf(Tensor embeddings)
    {
        using var scope = NewDisposeScope();
        var x = embeddings;
        foreach (var block in blocks) x = block.call(x);
        return norm.call(x).MoveToOuterDisposeScope();
    }

    /// <summary>Logits of the next token, from hidden states: [.., D] to [.., V].</summary>
    public Tensor Predict(Tensor hidden) => head.call(hidden);

    /// <summary>Logits of the next token: [B, T] to [B, T, V].</summary>
    public override Tensor forward(Tensor ids)
    {
        using var scope = NewDisposeScope();
        return head.call(Hidden(ids)).MoveToOuterDisposeScope();
    }

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly int _heads;
        private readonly LayerNorm before_attention;
        private readonly LayerNorm before_feed_forward;
        private readonly Linear q_proj;
        private readonly Linear k_proj;
        private readonly Linear v_proj;
        private readonly Linear o_proj;
        private readonly Linear up_proj;
        private readonly Linear down_proj;

        public Block(TransformerSize size)
            : base(nameof(Block))
        {
            int d = size.Width;
            _heads = size.Heads;
            before_attention = nn.LayerNorm(d);
            before_feed_forward = nn.LayerNorm(d);
            (q_proj, k_proj, v_proj, o_proj) = (nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d));
            (up_proj, down_proj) = (nn.Linear(d, 4 * d), nn.Linear(4 * d, d));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var h = before_attention.call(x);
            Tensor Split(Tensor t) => t.view(t.shape[0], t.shape[1], _heads, -1).transpose(1, 2);
            var attended = nn.functional.scaled_dot_product_attention(Split(q_proj.call(h)), Split(k_proj.call(h)), Split(v_proj.call(h)), is_casual: true);
            x = x + o_proj.call(attended.transpose(1, 2).reshape(x.shape));
            return (x + down_proj.call(nn.functional.gelu(up_proj.call(before_feed_forward.call(x))))).MoveToOuterDisposeScope();
        }
    }
}
