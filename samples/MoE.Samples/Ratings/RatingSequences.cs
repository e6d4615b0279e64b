using MoE.Samples.Data.Sets;
using static TorchSharp.torch;

namespace MoE.Samples.Ratings;

/// <summary>
/// Ratings as two tasks, "like" (four stars or more) and "extreme" (one star or less, or five), with three sequences of what the user did before: the last films liked, disliked and rated at all. Nothing of a sequence is later than its rating.
/// </summary>
public sealed class RatingSequences
{
    /// <summary>Kinds of sequences: liked, disliked, all.</summary>
    public const int Kinds = 3;

    private readonly List<Row> _rows = [];

    /// <summary>Makes them. The last fifth of every user's ratings is to test.</summary>
    /// <param name="data">The ratings.</param>
    /// <param name="length">Films of a sequence, positive: the latest ones.</param>
    public RatingSequences(MovieLensSmall data, int length = 10)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        Length = length;
        var films = data.Ratings.Select(static r => r.Film).Distinct().Order().Select(static (film, i) => (film, i)).ToDictionary(static p => p.film, static p => p.i + 1);
        var users = data.Ratings.GroupBy(static r => r.User).OrderBy(static g => g.Key).ToList();
        string[] genres = [.. data.Genres.Values.SelectMany(static g => g).Distinct().Order(StringComparer.Ordinal)];
        (Films, Users, Genres) = (films.Count + 1, users.Count, genres.Length);
        var number = genres.Select(static (g, i) => (g, i)).ToDictionary(static p => p.g, static p => p.i);
        GenresOfFilm = new float[Films * Genres];
        foreach (var (film, row) in films)
        {
            foreach (string genre in data.Genres.GetValueOrDefault(film, [])) GenresOfFilm[row * Genres + number[genre]] = 1;
        }

        for (int user = 0; user < users.Count; user++)
        {
            // The order of the file decides between ratings of the same second.
            var own = users[user].OrderBy(static r => r.Time).ToList();
            var past = Enumerable.Range(0, Kinds).Select(static _ => new List<int>()).ToArray();
            for (int i = 0; i < own.Count; i++)
            {
                int film = films[own[i].Film];
                bool like = own[i].Stars >= 4, extreme = own[i].Stars is <= 1 or >= 5;
                _rows.Add(new(user, film, [.. past.SelectMany(Last)], like, extreme, i >= 0.8 * own.Count));
                past[like ? 0 : 1].Add(film);
                past[2].Add(film);
            }
        }
    }

    /// <summary>Films of a sequence.</summary>
    public int Length { get; }

    /// <summary>Number of films, the first being none.</summary>
    public int Films { get; }

    /// <summary>Number of users.</summary>
    public int Users { get; }

    /// <summary>Number of genres.</summary>
    public int Genres { get; }

    /// <summary>[films, genres], 0 or 1.</summary>
    public float[] GenresOfFilm { get; }

    /// <summary>Rows to train on.</summary>
    public int[] Training => [.. Enumerable.Range(0, _rows.Count).Where(i => !_rows[i].Tests)];

    /// <summary>Rows to test on.</summary>
    public int[] Testing => [.. Enumerable.Range(0, _rows.Count).Where(i => _rows[i].Tests)];

    /// <summary>Whether the user liked the film of a row, and whether the rating is extreme.</summary>
    public (bool Like, bool Extreme) Labels(int row) => (_rows[row].Like, _rows[row].Extreme);

    /// <summary>The user of a row.</summary>
    public int User(int row) => _rows[row].User;

    /// <summary>Rows as tensors: users [B], films [B], sequences [B, kinds, length] with 0 for none, labels [B, 2].</summary>
    public Batch Take(ReadOnlySpan<int> rows)
    {
        long[] users = new long[rows.Length], films = new long[rows.Length], sequences = new long[rows.Length * Kinds * Length];
        float[] labels = new float[rows.Length * 2];
        for (int i = 0; i < rows.Length; i++)
        {
            var row = _rows[rows[i]];
            (users[i], films[i], labels[2 * i], labels[2 * i + 1]) = (row.User, row.Film, row.Like ? 1 : 0, row.Extreme ? 1 : 0);
            for (int s = 0; s < row.Past.Length; s++) sequences[i * row.Past.Length + s] = row.Past[s];
        }

        return new(tensor(users), tensor(films), tensor(sequences, rows.Length, Kinds, Length), tensor(labels, rows.Length, 2));
    }

    private IEnumerable<int> Last(List<int> films) => Enumerable.Repeat(0, Math.Max(0, Length - films.Count)).Concat(films.Skip(films.Count - Length));

    /// <summary>Rows as tensors.</summary>
    public sealed record Batch(Tensor Users, Tensor Films, Tensor Sequences, Tensor Labels);

    private sealed record Row(int User, int Film, int[] Past, bool Like, bool Extreme, bool Tests);
}
