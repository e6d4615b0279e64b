using CsCheck;
using MoE.Tests.Specs;

namespace MoE.Tests.Reference;

/// <summary>Whatever the router and the batch: a sound routing, or an error that says what is wrong.</summary>
public sealed class AnyRouterTests
{
    private static readonly Gen<(RouterSpec Spec, int Sequences, int Length, int Seed)> s_any =
        RandomSpecs.Any.SelectMany(static spec => Gen.Select(Gen.Int[0, 3], Gen.Int[1, 5], Draw.Seed, (sequences, length, seed) => (spec, sequences, length, seed)));

    [Fact]
    public void Ten_thousand_routers_are_sound() => s_any.Sample(static (spec, sequences, length, seed) => IsSound(spec, sequences, length, seed), iter: 10_000);

    [Fact, Trait("Category", "Long")]
    public void A_million_routers_are_sound() => s_any.Sample(static (spec, sequences, length, seed) => IsSound(spec, sequences, length, seed), iter: 1_000_000);

    [Fact]
    public void Their_json_comes_back_equal() => RandomSpecs.Any.Sample(static spec => Assert.Equal(spec, RouterSpec.FromJson(spec.ToJson())), iter: 1000);

    [Fact]
    public void Given_experts_are_taken_and_give_the_same_weights() => s_any.Sample(static (spec, sequences, length, seed) =>
    {
        // What a rule took off cannot be told from the routing; see LaterChoices. Sampling weighs by what was drawn.
        if (spec.Select is TopKSelection { Later: not null } || spec.Select is SparseMixerSelection || spec.Dispatch is { Capacity: not null, Drop: DropPolicy.Overflow } || spec.Dispatch.PaddingTakesPlaces) return;
        float[] logits = Draw.Normal(sequences * length * spec.Experts, seed);
        var options = new RouteOptions { SelectionBias = Bias(spec, seed), SequenceLength = length, Noise = new SeededNoise((ulong)seed), Training = seed % 2 == 0 };
        var routing = ReferenceRouter.Route(logits, spec, options);
        var again = ReferenceRouter.Route(logits, spec, options with { GivenExperts = routing.ExpertIds });
        Assert.Equal(routing.ExpertIds, again.ExpertIds);
        if (spec.Select is ExpertChoiceSelection) return;
        Assert.Equal(routing.Weights, again.Weights);
    }, iter: 2000);

    private static void IsSound(RouterSpec spec, int sequences, int length, int seed)
    {
        int tokens = sequences * length, e = spec.Experts;
        float[] logits = seed % 3 == 0 ? Draw.Coarse(tokens * e, seed) : Draw.Normal(tokens * e, seed, 3);
        bool[] padding = seed % 2 == 0 ? [] : [.. Enumerable.Range(0, tokens).Select(t => (seed + t) % 4 == 0)];
        bool[] closed = seed % 5 != 0 ? [] : [.. Enumerable.Range(0, e).Select(i => i > 0 && (seed + i) % 3 == 0)];
        for (int i = 0; i < logits.Length; i++)
        {
            // Experts without a chance: one finite logit stays in every row.
            if (i % e != 0 && (seed + i) % 11 == 0) logits[i] = float.NegativeInfinity;
        }

        if (spec.Score.Function == ScoreFunction.Identity || (spec.Weigh.SoftTopK is not null && spec.Score.Stage == ScoreStage.AfterSelection))
            logits = [.. logits.Select(static l => float.IsNegativeInfinity(l) ? -9 : l)];
        var options = new RouteOptions
        {
            SelectionBias = Bias(spec, seed),
            Padding = padding,
            ClosedExperts = closed,
            SequenceLength = length,
            Noise = new SeededNoise((ulong)seed),
            Training = seed % 2 == 0,
            KeepScores = true,
        };
        var routing = ReferenceRouter.Route(logits, spec, options);
        Assert.Equal(tokens, routing.TokenCount);
        int[] load = routing.Load();
        int queues = spec.Dispatch.PerSequence && sequences > 0 ? sequences : 1;
        if (routing.Plan.Capacity is { } c) Assert.All(load, l => Assert.InRange(l, 0L, (long)c * queues));
        for (int t = 0; t < tokens; t++)
        {
            int[] chosen = [.. routing.ExpertIds.Slice(t * spec.TopK, spec.TopK).ToArray().Where(static x => x >= 0)];
            Assert.Distinct(chosen);
            bool padded = padding.Length > 0 && padding[t];
            if (padded && !spec.Dispatch.PaddingTakesPlaces) Assert.Empty(chosen);
            if (!padded && closed.Length > 0) Assert.DoesNotContain(chosen, x => closed[x]);
            Assert.True(routing.Weights.Slice(t * spec.TopK, spec.TopK).IndexOfAnyExcept(0f) < 0 || !padded);
        }

        for (int r = 0; r < routing.RouteCount; r++)
        {
            Assert.True(float.IsFinite(routing.Weights[r]));
            if (!routing.Plan.IsKept(r)) Assert.Equal(0, routing.Weights[r]);
            if (spec.Score.Function != ScoreFunction.Identity && !spec.Weigh.BiasedWeights) Assert.True(routing.Weights[r] >= 0);
        }
    }

    private static float[] Bias(RouterSpec spec, int seed) => spec.UsesSelectionBias ? Draw.Normal(spec.Experts, seed ^ 1) : [];
}
