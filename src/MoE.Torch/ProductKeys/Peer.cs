using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Parameter-efficient expert retrieval (He 2024): heads retrieve experts of one neuron by product keys. A query has two halves; each is compared with sqrt(E) keys, the best k sums win, and their softmax weighs.
/// </summary>
public sealed class Peer : nn.Module<Tensor, Tensor>
{
    private readonly Parameter? gamma;
    private readonly Parameter queries;
    private readonly Parameter keys;
    private readonly NeuronExperts experts;

    /// <summary>Makes a layer.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="experts">E, a square.</param>
    /// <param name="heads">H, positive.</param>
    /// <param name="k">Experts per head, 1..sqrt(E).</param>
    /// <param name="keyWidth">Width of a half query; null: D / 2.</param>
    /// <param name="ownExperts">Every head has E experts of its own.</param>
    /// <param name="competing">Scores are softmaxed over the k; otherwise each head takes its best expert with the weight relu(score).</param>
    /// <param name="normalize">The input is normalised first (root mean square, learned scale 1 + gamma).</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="ArgumentException">E is no square, or k is out of range.</exception>
    /// <remarks>lucidrains/PEER-pytorch <c>PEER_pytorch/PEER.py</c>, 6cb671f: id = ix sqrt(E) + iy.</remarks>
    public Peer(int width, int experts, int heads = 8, int k = 16, int? keyWidth = null, bool ownExperts = false, bool competing = true, bool normalize = true, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(Peer))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        int n = (int)Math.Round(Math.Sqrt(experts));
        if (n * n != experts) throw new ArgumentException($"experts = {experts}: must be a square", nameof(experts));
        if (k < 1 || k > n) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 1..{n}");
        int half = keyWidth ?? width / 2;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(half, nameof(keyWidth));
        (ExpertCount, Choices, OwnExperts, Competing) = (experts, k, ownExperts, competing);
        if (normalize) gamma = new Parameter(zeros(width, dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope());
        queries = Initial.Linear([2 * heads * half, width], width, dtype, device, generator);
        keys = Initial.Linear([heads, n, 2, half], half, dtype, device, generator);
        this.experts = new NeuronExperts((long)experts * (ownExperts ? heads : 1), width, null, dtype, device, generator);
        RegisterComponents();
    }

    /// <summary>E, per head where heads have experts of their own.</summary>
    public int ExpertCount { get; }

    /// <summary>Experts per head.</summary>
    public int Choices { get; }

    /// <summary>Every head has experts of its own.</summary>
    public bool OwnExperts { get; }

    /// <summary>Scores are softmaxed over the k.</summary>
    public bool Competing { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        var tokens_TD = x.reshape(-1, x.shape[^1]);
        if (gamma is not null) tokens_TD = nn.functional.normalize(tokens_TD, p: 2, dim: 1).mul(Math.Sqrt(x.shape[^1])).mul(gamma.add(1));
        var (weights_THK, ids_THK) = Retrieve(tokens_TD);
        if (OwnExperts) ids_THK = ids_THK.add(arange(keys.shape[0], dtype: ScalarType.Int64, device: x.device).mul(ExpertCount).view(1, -1, 1));
        return experts.mix(tokens_TD, ids_THK.flatten(1), weights_THK.flatten(1)).view(x.shape).MoveToOuterDisposeScope();
    }

    private (Tensor Weights, Tensor Experts) Retrieve(Tensor tokens_TD)
    {
        long heads = keys.shape[0];
        var query_PHTD = nn.functional.linear(tokens_TD, queries).view(tokens_TD.shape[0], 2, heads, -1).permute(1, 2, 0, 3);
        var scores_PTHN = query_PHTD.matmul(keys.permute(2, 0, 3, 1)).transpose(1, 2);
        var found = ProductKeySearch.best(scores_PTHN.unbind(), Competing ? Choices : 1);
        return (Competing ? found.Scores.softmax(-1) : nn.functional.relu(found.Scores), found.Indices);
    }
}
