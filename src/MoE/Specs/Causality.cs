namespace MoE;

/// <summary>
/// Whether a router can be used where tokens come one after another (a decoder): whether a token's route depends on tokens behind it. A rule that does is fine in an encoder and in training on whole inputs, but it
/// leaks the future into a language model, and gives other routes when tokens are generated one by one.
/// </summary>
public static class Causality
{
    /// <summary>The ways in which a token's route depends on later tokens.</summary>
    /// <param name="spec">A valid router.</param>
    /// <param name="training">Training rather than evaluation: a <see cref="BatchBalance"/> holds in training only.</param>
    /// <returns>One sentence per way; empty: the router is causal, also under <see cref="RouterSpec.Noise"/> and jitter, which are drawn per token.</returns>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public static IReadOnlyList<string> Of(RouterSpec spec, bool training = false)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Checked();
        var ways = new List<string>();
        if (spec.Select is ExpertChoiceSelection) return ["expert choice: a later token can take an earlier token's place in an expert"];
        if (spec.Select is RaceSelection) ways.Add("race: a later token can take an earlier token's place among the best pairs");
        if (training && spec.Select is TopKSelection { Balance: not null }) ways.Add("balanced choice: scores are balanced over the whole batch");
        if (spec.Dispatch.Capacity is not { } capacity) return ways;
        if (capacity is { AtMostLoad: true, Factor: null, Fixed: null }) return ways;
        if (spec.Dispatch.Priority == TokenPriority.BestScore) ways.Add("priority by best score: a later token can arrive first");
        if (spec.Dispatch.Drop != DropPolicy.FirstCome) ways.Add($"drop policy {spec.Dispatch.Drop}: a later token can take an earlier token's place");
        if (spec.Dispatch.Arrival == ArrivalOrder.ChoiceMajor && spec.TopK > 1) ways.Add("choice-major arrival: second choices queue behind the first choices of later tokens");
        if (capacity.Fixed is null) ways.Add("capacity by factor: its size follows the number of tokens");
        return ways;
    }

    /// <summary>Refuses a router that is not causal.</summary>
    /// <param name="spec">A valid router.</param>
    /// <param name="training">Training rather than evaluation.</param>
    /// <returns>The same spec.</returns>
    /// <exception cref="SpecException">The spec has problems, or a route depends on later tokens; every way is named.</exception>
    public static RouterSpec Require(RouterSpec spec, bool training = false)
    {
        SpecException.ThrowIfAny([.. Of(spec, training).Select(static way => new SpecProblem("causal", "false", way))]);
        return spec;
    }
}
