namespace MoE.Samples.Papers.Armorm;

/// <summary>
/// Made data, because neither an 8B reward model nor its preference sets fit a sample: 19 latent qualities per response, verbosity correlated with five of them, features a random linear map of qualities, kind and length with noise, each rating
/// seen with probability 0.3, and preferences drawn by Bradley-Terry from a weight vector that depends on the kind of prompt.
/// </summary>
public static class MadeRewards
{
    private const int Objectives = 19, Verbosity = 4, Width = 64, PromptWidth = 16;
    private const double Correlation = 0.4, Top = 0.8, Sharpness = 4;
    private static readonly string[] Kinds = ["chat", "safety", "code", "reasoning"];
    private static readonly int[] Deciding = [0, 10, 14, 2];
    private static readonly int[] Correlated = [0, 1, 2, 5, 6];

    /// <summary>Draws data.</summary>
    /// <param name="prompts">Number of prompts, two responses each.</param>
    /// <param name="byKind">False: one weight vector for all kinds, the mean of theirs.</param>
    /// <param name="random">Draws.</param>
    public static RewardData Draw(int prompts, bool byKind, Random random)
    {
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] Vector(int n) => [.. Enumerable.Range(0, n).Select(_ => Normal())];
        int latent = Objectives + Kinds.Length + 1;
        double[][] map = [.. Enumerable.Range(0, Width).Select(_ => Vector(latent))];
        double[][] embedding = [.. Kinds.Select(_ => Vector(PromptWidth))];
        double[][] weights = [.. Deciding.Select(static top => Enumerable.Range(0, Objectives).Select(j => j == top ? Top : (1 - Top) / (Objectives - 1)).ToArray())];
        double[] mean = [.. Enumerable.Range(0, Objectives).Select(j => weights.Average(w => w[j]))];

        List<double[]> features = [], queries = [], ratings = [];
        List<string> kinds = [];
        List<bool> train = [];
        List<(int, int)> pairs = [];
        for (int p = 0; p < prompts; p++)
        {
            int kind = p % Kinds.Length;
            bool learn = random.NextDouble() < 0.8;
            double[] query = [.. embedding[kind].Select(e => e + 0.5 * Normal())];
            var quality = new double[2][];
            for (int i = 0; i < 2; i++)
            {
                double[] q = quality[i] = Vector(Objectives);
                foreach (int j in Correlated) q[j] = Correlation * q[Verbosity] + Math.Sqrt(1 - Correlation * Correlation) * q[j];
                double[] all = [.. q, .. Enumerable.Range(0, Kinds.Length).Select(k => k == kind ? 1.0 : 0), q[Verbosity] + 0.3 * Normal()];
                features.Add([.. map.Select(row => row.Zip(all, static (a, b) => a * b).Sum() / Math.Sqrt(latent) + 0.1 * Normal())]);
                queries.Add(query);
                ratings.Add([.. q.Select(v => random.NextDouble() < 0.3 ? v + 0.3 * Normal() : double.NaN)]);
                kinds.Add(Kinds[kind]);
                train.Add(learn);
            }

            double[] w = byKind ? weights[kind] : mean;
            double difference = w.Select((v, j) => v * (quality[0][j] - quality[1][j])).Sum();
            bool first = random.NextDouble() < 1 / (1 + Math.Exp(-Sharpness * difference));
            pairs.Add(first ? (2 * p, 2 * p + 1) : (2 * p + 1, 2 * p));
        }

        string[] names = [.. Enumerable.Range(0, Objectives).Select(static j => j == Verbosity ? "verbosity" : $"quality {j}")];
        return new(names, Verbosity, [.. features], [.. queries], [.. ratings], [.. kinds], pairs, [.. train])
        {
            Deciding = byKind ? Kinds.Zip(Deciding).ToDictionary(static z => z.First, static z => z.Second) : new Dictionary<string, int>(),
        };
    }
}
