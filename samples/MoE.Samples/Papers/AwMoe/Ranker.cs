using MoE.Samples.Ratings;
using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AwMoe;

/// <summary>What weighs the experts.</summary>
public enum GateForm
{
    /// <summary>One network of as many parameters as all experts: a deep interest network.</summary>
    None,

    /// <summary>A gate on the mean of the behaviours.</summary>
    Pooled,

    /// <summary>The attention-weighted gate.</summary>
    Attention,
}

/// <summary>
/// Will a user like a film? The user is known by the films liked before, alone: an interest u = sum w(b, x) b (a deep interest network's unit, not normalised), the film, and their product go to experts that each end in one number;
/// the score is the sum of gate times expert.
/// </summary>
public sealed class Ranker : nn.Module
{
    /// <summary>Width of films, and number of experts.</summary>
    public const int Width = 16, Experts = 4;

    private const int Hidden = 32, Inputs = 3 * Width;
    private readonly Embedding films;
    private readonly Linear genres;
    private readonly Tensor genres_of_film;
    private readonly Sequential interest;
    private readonly ModuleList<Sequential> experts;
    private readonly AttentionWeightedGate? attention;
    private readonly Sequential? pooled;

    /// <summary>Makes one with new weights.</summary>
    /// <param name="data">Sizes, and the genres of films.</param>
    /// <param name="form">What weighs the experts.</param>
    public Ranker(RatingSequences data, GateForm form)
        : base(nameof(Ranker))
    {
        films = nn.Embedding(data.Films, Width, padding_idx: 0);
        using (no_grad()) films.weight!.mul_(0.1);
        genres = nn.Linear(data.Genres, Width);
        genres_of_film = tensor(data.GenresOfFilm, data.Films, data.Genres).DetachFromDisposeScope();
        interest = nn.Sequential(nn.Linear(Inputs, Hidden), nn.ReLU(), nn.Linear(Hidden, 1));
        experts = form == GateForm.None
            ? new([Network(160, 80)])
            : new([.. Enumerable.Range(0, Experts).Select(static _ => Network(64, 32))]);
        if (form == GateForm.Attention) attention = new AttentionWeightedGate(Width, Experts, Hidden);
        if (form == GateForm.Pooled) pooled = nn.Sequential(nn.Linear(Inputs, Hidden), nn.ReLU(), nn.Linear(Hidden, Experts));
        RegisterComponents();
    }

    /// <summary>Number of parameters beside the films'.</summary>
    public long Parameters => parameters().Sum(static p => p.numel()) - films.weight!.numel();

    /// <summary>Behaviours and targets as vectors: [B, M, D], [B, D], and [B, M], true where there is no behaviour.</summary>
    /// <param name="target">Films in question, [B].</param>
    /// <param name="past">Films liked before, [B, M], 0 for none.</param>
    public (Tensor Behaviours, Tensor Target, Tensor Absent) embed(Tensor target, Tensor past)
    {
        using var scope = NewDisposeScope();
        Tensor Film(Tensor ids) => films.call(ids) + genres.call(genres_of_film.index_select(0, ids.reshape(-1))).reshape([.. ids.shape, Width]);
        var absent = past.eq(0);
        return (Film(past).masked_fill(absent.unsqueeze(-1), 0).MoveToOuterDisposeScope(), Film(target).MoveToOuterDisposeScope(), absent.MoveToOuterDisposeScope());
    }

    /// <summary>Weights of the experts, [B, K]; ones without a gate.</summary>
    public Tensor weights(Tensor behaviours, Tensor target, Tensor absent)
    {
        if (attention is not null) return attention.call(behaviours, target, absent);
        if (pooled is null) return ones(target.shape[0], 1);
        using var scope = NewDisposeScope();
        var mean = behaviours.sum(1L) / absent.logical_not().sum(1, keepdim: true).clamp_min(1).to(ScalarType.Float32);
        return pooled.call(cat([mean, target, mean * target], 1)).MoveToOuterDisposeScope();
    }

    /// <summary>Logits [B], and the weights of the experts [B, K].</summary>
    public (Tensor Logits, Tensor Gate) rank(Tensor target, Tensor past)
    {
        using var scope = NewDisposeScope();
        var (b, x, absent) = embed(target, past);
        var xs = x.unsqueeze(1).expand(b.shape);
        var w = interest.call(cat([b, xs, b * xs], -1)).masked_fill(absent.unsqueeze(-1), 0);
        var u = (w * b).sum(1L);
        var seen = cat([u, x, u * x], 1);
        var scores = cat([.. experts.Select(e => e.call(seen))], 1);
        var gate = weights(b, x, absent);
        return ((gate * scores).sum(1L).MoveToOuterDisposeScope(), gate.MoveToOuterDisposeScope());
    }

    private static Sequential Network(int first, int second) => nn.Sequential(nn.Linear(Inputs, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 1));
}
