using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Product-key retrieval with heads: a query per head and list, compared with n learned keys each (PEER-pytorch's <c>PK</c>; Lample et al. 2019).</summary>
public sealed class ProductKeyRetrieval : nn.Module
{
    private readonly Parameter queries;
    private readonly Parameter keys;

    /// <summary>Makes a retrieval.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="keyWidth">Width of a key, positive.</param>
    /// <param name="heads">H, positive.</param>
    /// <param name="keys">n per list, positive.</param>
    /// <param name="lists">p, positive.</param>
    /// <param name="k">Sums kept, positive.</param>
    /// <param name="perList">Keys of each list that take part, 1..n; null: k or n.</param>
    /// <param name="softmax">Scores are softmaxed over the k.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public ProductKeyRetrieval(int width, int keyWidth, int heads, int keys, int lists, int k, int? perList = null, bool softmax = false, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(ProductKeyRetrieval))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(keyWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(keys);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lists);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        (Choices, PerList, Softmax) = (k, perList, softmax);
        queries = Initial.Linear([lists * heads * keyWidth, width], width, dtype, device, generator);
        this.keys = Initial.Linear([lists, keys, heads, keyWidth], keyWidth, dtype, device, generator);
        RegisterComponents();
    }

    /// <summary>Sums kept.</summary>
    public int Choices { get; }

    /// <summary>Keys of each list that take part; null: as many as sums.</summary>
    public int? PerList { get; }

    /// <summary>Scores are softmaxed over the k.</summary>
    public bool Softmax { get; }

    /// <summary>Retrieves.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <returns>Scores and indices in 0..n^p - 1, [T, H, k]; the first list is the least significant digit.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Scores, Tensor Indices) retrieve(Tensor tokens)
    {
        TensorGuard.Matrix(tokens, queries.shape[1], nameof(tokens));
        using var scope = NewDisposeScope();
        long lists = keys.shape[0], heads = keys.shape[2];
        var query_PHTD = nn.functional.linear(tokens, queries).view(tokens.shape[0], lists, heads, -1).permute(1, 2, 0, 3);
        var scores_PTHN = query_PHTD.matmul(keys.permute(0, 2, 3, 1)).transpose(1, 2);
        var found = ProductKeySearch.best(scores_PTHN.unbind(), Choices, PerList, firstLeast: true);
        return ((Softmax ? found.Scores.softmax(-1) : found.Scores).MoveToOuterDisposeScope(), found.Indices.MoveToOuterDisposeScope());
    }
}
