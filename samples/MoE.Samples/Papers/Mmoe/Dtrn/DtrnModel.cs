using MoE.Samples.Ratings;
using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Dtrn;

/// <summary>
/// Two tasks on user, film, genres and three sequences. Refined: every task sees its own interest in each sequence, and its own representation, the library's squeeze-and-excite gate over all features (the SENet-like refinement module), below MMoE
/// or PLE. Otherwise: both tasks see the means of the sequences, ungated.
/// </summary>
public sealed class DtrnModel : nn.Module<RatingSequences.Batch, Tensor>
{
    private const int Width = 16, Fields = 3 + RatingSequences.Kinds;
    private readonly Embedding users;
    private readonly Embedding films;
    private readonly Linear genres;
    private readonly Tensor genres_of_film;
    private readonly InterestModule? interests;
    private readonly ModuleList<SqueezeExciteGate>? refinement;
    private readonly TaskModel tasks;

    /// <summary>Makes one with new weights.</summary>
    /// <param name="data">Sizes, and the genres of films.</param>
    /// <param name="architecture">MMoE or PLE.</param>
    /// <param name="refined">With interest and refinement modules.</param>
    public DtrnModel(RatingSequences data, TaskArchitecture architecture, bool refined)
        : base(nameof(DtrnModel))
    {
        users = nn.Embedding(data.Users, Width);
        films = nn.Embedding(data.Films, Width, padding_idx: 0);
        using (no_grad())
        {
            users.weight!.mul_(0.1);
            films.weight!.mul_(0.1);
        }

        genres = nn.Linear(data.Genres, Width);
        genres_of_film = tensor(data.GenresOfFilm, data.Films, data.Genres).DetachFromDisposeScope();
        if (refined)
        {
            interests = new InterestModule(TaskModel.Tasks, Width, data.Length);
            refinement = new([.. Enumerable.Range(0, TaskModel.Tasks).Select(static _ => new SqueezeExciteGate(Fields * Width, Width))]);
        }

        tasks = new TaskModel(architecture, Fields * Width);
        RegisterComponents();
    }

    /// <summary>Logits, [B, 2].</summary>
    public override Tensor forward(RatingSequences.Batch input)
    {
        using var scope = NewDisposeScope();
        var seen = Features(input);
        return tasks.call(seen).MoveToOuterDisposeScope();
    }

    /// <summary>How far tasks are told apart: the largest difference between the tasks' norm conditions, and between the tasks' refinement weights on a batch.</summary>
    public (double Norms, double Gates) Apart(RatingSequences.Batch input)
    {
        if (interests is null || refinement is null) throw new InvalidOperationException("the model is not refined");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        double norms = Enumerable.Range(0, RatingSequences.Kinds).Max(kind => (interests.conditions(0, kind) - interests.conditions(1, kind)).abs().max().item<float>());
        var raw = Raw(input);
        return (norms, (refinement[0].weights(raw[0]) - refinement[1].weights(raw[1])).abs().max().item<float>());
    }

    private IReadOnlyList<Tensor> Features(RatingSequences.Batch input)
    {
        var raw = Raw(input);
        return refinement is null ? raw : [.. raw.Zip(refinement, static (r, gate) => gate.call(r))];
    }

    // For each task all its fields, [B, fields * d], before refinement.
    private IReadOnlyList<Tensor> Raw(RatingSequences.Batch input)
    {
        Tensor Film(Tensor ids) => films.call(ids) + genres.call(genres_of_film.index_select(0, ids.reshape(-1))).reshape([.. ids.shape, Width]);
        var target = Film(input.Films);
        Tensor[] own = [users.call(input.Users), films.call(input.Films), target];
        var absent = input.Sequences.eq(0);
        var past = Film(input.Sequences) * absent.logical_not().unsqueeze(-1).to(ScalarType.Float32);
        if (interests is null)
        {
            var means = past.sum(2) / absent.logical_not().sum(2, keepdim: true).clamp_min(1).to(ScalarType.Float32);
            var all = cat([.. own, means.flatten(1)], 1);
            return [all, all];
        }

        return [.. Enumerable.Range(0, TaskModel.Tasks).Select(task =>
            cat([.. own, .. Enumerable.Range(0, RatingSequences.Kinds).Select(kind => interests.interest(task, kind, past.select(1, kind), absent.select(1, kind), target))], 1))];
    }
}
