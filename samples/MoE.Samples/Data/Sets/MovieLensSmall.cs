using System.Globalization;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>MovieLens latest-small, 2018.</summary>
/// <param name="Ratings">In the order of the file.</param>
/// <param name="Genres">The genres of every film that has some, by its id.</param>
public sealed record MovieLensSmall(IReadOnlyList<MovieLensSmall.Rating> Ratings, IReadOnlyDictionary<int, string[]> Genres)
{
    /// <summary>A user's rating of a film: half or one to five stars; time in seconds since 1970.</summary>
    public readonly record struct Rating(int User, int Film, double Stars, long Time);

    private const string Address = "https://raw.githubusercontent.com/dotnet/machinelearning-samples/427ccb68ab1da8f0600bf7653b5158ec1f04c3cb/samples/csharp/";

    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "movielens-latest-small-2018",
        "99,979 ratings of 9,568 films by 610 users, with time; genres of films (MovieLens latest-small, 2018)",
        "GroupLens: research use; redistribution under the same terms; no commercial use without permission",
        "F. M. Harper, J. A. Konstan (2015): The MovieLens Datasets. ACM TiiS 5(4); doi 10.1145/2827872",
        DataKind.Original,
        [
            new("ratings.csv", 2221474, "9ca29be9c3b4a49bbf6377b79f34136523c01ba0599047cf32426280886354e7",
                new Uri(Address + "end-to-end-apps/Recommendation-MovieRecommender/MovieRecommender_Model/Data/ratings.csv")),
            new("movies.csv", 484688, "2f8dfe97e4649032dd38838c2be87eac0651c87acef400237e44c116ad413daf",
                new Uri(Address + "getting-started/MatrixFactorization_MovieRecommendation/Data/recommendation-movies.csv")),
        ],
        "github.com/dotnet/machinelearning-samples (commit 427ccb6), which shortened ratings.csv a little");

    /// <summary>Reads it.</summary>
    /// <exception cref="Frame.MissingDataException">It is not in the data folder.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static MovieLensSmall Load(DataFolders folders) => new(
        folders.Read(Set, "ratings.csv", static file => (Rating[])[.. Csv.Rows(file, 4).Skip(1).Select(static row => Parse(row.Line, row.Values))]),
        folders.Read(Set, "movies.csv", static file => Csv.Rows(file, 3).Skip(1).DistinctBy(static row => row.Values[0]).ToDictionary(static row => Id(row.Line, row.Values[0]), static row => row.Values[2].Split('|'))));

    private static Rating Parse(int line, string[] values)
    {
        if (double.TryParse(values[2], NumberStyles.Float, CultureInfo.InvariantCulture, out double stars) && stars is >= 0 and <= 5 && long.TryParse(values[3], CultureInfo.InvariantCulture, out long time))
            return new(Id(line, values[0]), Id(line, values[1]), stars, time);
        throw new InvalidDataException($"line {line}: {values[2]} stars at {values[3]}; must be 0 to 5 stars and a time in seconds");
    }

    private static int Id(int line, string value) => int.TryParse(value, CultureInfo.InvariantCulture, out int id) ? id : throw new InvalidDataException($"line {line}: {value} is no id");
}
