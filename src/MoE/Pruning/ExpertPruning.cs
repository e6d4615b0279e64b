namespace MoE;

/// <summary>
/// Layers without some of their experts. The pruned layer routes as the whole one does with the dropped experts closed (<see cref="RouteOptions.ClosedExperts"/>); what that does to tokens that chose none of the dropped ones
/// is <see cref="EffectOnOthers"/>.
/// </summary>
/// <example><code>
/// var usage = ExpertUsage.Of(RoutingLog.Read("run.moelog"), "layers.3");
/// var pruned = ExpertPruning.Keep(spec, weights, usage.Used());
/// </code></example>
public static class ExpertPruning
{
    /// <summary>Keeps some experts: their weights, the rows and biases of the router that belong to them, and everything shared.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">Its tensors; the kept ones are copied, in single precision.</param>
    /// <param name="experts">The experts to keep: indices of the router, ascending. Special experts (the last ones of the router) count.</param>
    /// <exception cref="SpecException">The spec has problems, or what remains is no router: fewer experts than choices, no feed-forward expert, groups or prototypes of different sizes. All problems are named.</exception>
    /// <exception cref="ArgumentException">The indices are wrong, or tensors are missing or misshapen; all are named.</exception>
    public static ConvertedLayer Keep(MoELayerSpec spec, IWeightSource weights, IReadOnlyList<int> experts)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(experts);
        spec.Checked();
        for (int i = 0; i < experts.Count; i++)
        {
            if (experts[i] < 0 || experts[i] >= spec.Router.Experts || (i > 0 && experts[i] <= experts[i - 1]))
                throw new ArgumentException($"experts[{i}] = {experts[i]}: must be in 0..{spec.Router.Experts - 1} and ascending", nameof(experts));
        }

        var pruned = Remaining(spec, experts);
        var tensors = LayerWeights.Load(spec, weights);
        int[] all = [.. experts], networks = [.. experts.Where(e => e < spec.FeedForwardExperts)], constants = [.. experts.Where(e => e >= spec.FeedForwardExperts && e < spec.FeedForwardExperts + (spec.Special?.Constant ?? 0)).Select(e => e - spec.FeedForwardExperts)];
        var kept = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(pruned))
        {
            float[] values = tensors.Get(name)!;
            kept.Add(name, name switch
            {
                WeightNames.Router or WeightNames.RouterBias or WeightNames.SelectionBias => Parts(values, spec.Router.Experts, all),
                WeightNames.ConstantValue or WeightNames.ConstantMix => Parts(values, spec.Special!.Constant, constants),
                _ when name.StartsWith("experts.", StringComparison.Ordinal) => Parts(values, spec.FeedForwardExperts, networks),
                _ => values,
            }, shape);
        }

        return new ConvertedLayer(pruned, kept);
    }

    /// <summary>What a layer's output is for tokens that chose none of the dropped experts, against the whole layer's. In evaluation, without noise.</summary>
    /// <param name="router">The router.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public static PruningEffect EffectOnOthers(RouterSpec router)
    {
        ArgumentNullException.ThrowIfNull(router);
        router.Checked();
        if (router is not { Select: TopKSelection { Groups: null }, Weigh.SoftTopK: null, Dispatch: { Capacity: null, Priority: TokenPriority.Order } }) return PruningEffect.Unknown;
        var select = (TopKSelection)router.Select;
        if (router.Score is { Stage: ScoreStage.AfterSelection } or { Function: not ScoreFunction.Softmax }) return PruningEffect.SameBits;
        // The whole softmax grows by one factor: order and ratios stay, sums with anything else do not.
        if (select.UsesBias || select.Later is not null || router.Score.Offset != 0) return PruningEffect.Unknown;
        bool normalized = router.Weigh.Normalization != WeightNormalization.None && (select.K > 1 || router.Weigh.NormalizeSingle);
        return !normalized ? PruningEffect.Factor : router.Weigh.Epsilon == 0 ? PruningEffect.Rounding : PruningEffect.Unknown;
    }

    private static MoELayerSpec Remaining(MoELayerSpec spec, IReadOnlyList<int> experts)
    {
        var problems = new List<SpecProblem>();
        var router = spec.Router with { Experts = experts.Count };
        if (spec.Router.Select is TopKSelection { Groups: { } groups } top)
        {
            // Groups of which nothing remains go as a whole.
            int[] sizes = Sizes(spec.Router.Experts / groups.Count, groups.Count), left = [.. sizes.Where(static s => s > 0)];
            RequireEqual(left, "router.select.groups");
            router = router with { Select = top with { Groups = groups with { Count = left.Length } } };
        }

        if (spec.Router.Select is PrototypeSelection prototypes) RequireEqual(Sizes(spec.Router.Experts / prototypes.Count, prototypes.Count), "router.select");
        router = router with { Weigh = router.Weigh with { WeightlessExperts = experts.Count(e => e >= spec.Router.Experts - spec.Router.Weigh.WeightlessExperts) } };
        var pruned = spec with { Router = router };
        if (spec.Special is { } special)
        {
            int first = spec.FeedForwardExperts;
            int Count(int count)
            {
                int from = first;
                first += count;
                return experts.Count(e => e >= from && e < from + count);
            }

            var rest = new SpecialExperts { Constant = Count(special.Constant), Copy = Count(special.Copy), Zero = Count(special.Zero) };
            pruned = pruned with { Special = rest.Count == 0 ? null : rest };
        }

        if (problems.Count == 0) problems.AddRange(pruned.Validate());
        if (problems.Count == 0 && pruned.FeedForwardExperts < 1) problems.Add(new SpecProblem("experts", string.Join(", ", experts), "a feed-forward expert must remain"));
        SpecException.ThrowIfAny(problems);
        return pruned;

        int[] Sizes(int size, int count)
        {
            int[] sizes = new int[count];
            foreach (int e in experts) sizes[e / size]++;
            return sizes;
        }

        void RequireEqual(int[] sizes, string name)
        {
            if (sizes.Distinct().Count() != 1 || sizes[0] == 0) problems.Add(new SpecProblem(name, string.Join(", ", sizes), "the same number of experts must remain in every one"));
        }
    }

    // Of [E, ...], some of the first dimension.
    private static float[] Parts(float[] values, int experts, int[] kept)
    {
        int size = values.Length / experts;
        float[] parts = new float[kept.Length * size];
        for (int i = 0; i < kept.Length; i++) values.AsSpan(kept[i] * size, size).CopyTo(parts.AsSpan(i * size));
        return parts;
    }
}
