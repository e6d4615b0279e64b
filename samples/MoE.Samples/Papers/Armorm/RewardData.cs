namespace MoE.Samples.Papers.Armorm;

/// <summary>Responses with features and ratings, and pairs of them with a preference.</summary>
/// <param name="Objectives">Names of the J objectives.</param>
/// <param name="Verbosity">Which of them is verbosity.</param>
/// <param name="Features">h: one row per response.</param>
/// <param name="Prompts">q: one row per response, equal for the responses of a prompt.</param>
/// <param name="Ratings">J per response; NaN where not rated.</param>
/// <param name="Kinds">The kind of each response's prompt.</param>
/// <param name="Pairs">The preferred response comes first.</param>
/// <param name="Train">True for responses of prompts to learn from; both responses of a pair are on one side.</param>
public sealed record RewardData(
    IReadOnlyList<string> Objectives, int Verbosity, double[][] Features, double[][] Prompts, double[][] Ratings, string[] Kinds, IReadOnlyList<(int Chosen, int Rejected)> Pairs, bool[] Train)
{
    /// <summary>The objective that decides in each kind, where it is known.</summary>
    public IReadOnlyDictionary<string, int> Deciding { get; init; } = new Dictionary<string, int>();
}
