using MoE.Samples.Data.Sets;

namespace MoE.Samples.Papers.Armorm;

/// <summary>Human ratings as reward data: hashed features of text and context, verbosity the logarithm of the number of words, pairs of responses to one context wherever raters gave both an overall score and the scores differ.</summary>
public static class RatedRewards
{
    private const int Width = 96, PromptWidth = 32;

    /// <summary>Splits contexts at random, four fifths to learn from.</summary>
    public static RewardData Draw(IReadOnlyList<RatedText> texts, Random random)
    {
        string[] names = [.. texts.SelectMany(static t => t.Ratings.Keys).Distinct().Order(StringComparer.Ordinal), "verbosity"];
        int verbosity = names.Length - 1;
        HashedText response = new(Width, 1), prompt = new(PromptWidth, 2);
        var train = texts.Select(static t => (t.Kind, t.Context)).Distinct().ToDictionary(static c => c, _ => random.NextDouble() < 0.8);
        var queries = train.Keys.ToDictionary(static c => c, c => prompt.Of(HashedText.Words(c.Context)));
        double[][] features = [.. texts.Select(text =>
        {
            // A word that the context has is another one than a word that it has not.
            var known = HashedText.Words(text.Context).ToHashSet();
            var words = HashedText.Words(text.Text);
            return (double[])[.. response.Of(words.Select(w => (known.Contains(w) ? "+" : "-") + w)), words.Count == 0 ? 0 : words.Count(known.Contains) / (double)words.Count, Math.Log(1 + words.Count) / 4, 1];
        })];
        double[][] ratings = [.. texts.Select(t => names.Select(n => n == "verbosity" ? Math.Log(1 + HashedText.Words(t.Text).Count) : t.Ratings.GetValueOrDefault(n, double.NaN)).ToArray())];
        Standardise(ratings);

        var pairs = new List<(int, int)>();
        foreach (var group in Enumerable.Range(0, texts.Count).Where(i => texts[i].Overall is not null).GroupBy(i => (texts[i].Kind, texts[i].Context)))
        {
            int[] members = [.. group];
            for (int i = 0; i < members.Length; i++)
            {
                for (int j = 0; j < members.Length; j++)
                {
                    if (texts[members[i]].Overall > texts[members[j]].Overall) pairs.Add((members[i], members[j]));
                }
            }
        }

        return new(names, verbosity, features, [.. texts.Select(t => queries[(t.Kind, t.Context)])], ratings, [.. texts.Select(static t => t.Kind)], pairs, [.. texts.Select(t => train[(t.Kind, t.Context)])]);
    }

    // Raters used scales of 1, 3, 5 and 6 points.
    private static void Standardise(double[][] ratings)
    {
        for (int j = 0; j < ratings[0].Length; j++)
        {
            double[] seen = [.. ratings.Select(r => r[j]).Where(static v => !double.IsNaN(v))];
            double mean = seen.Average(), deviation = Math.Sqrt(seen.Average(v => (v - mean) * (v - mean)));
            foreach (double[] row in ratings) row[j] = (row[j] - mean) / (deviation > 0 ? deviation : 1);
        }
    }
}
