using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>
/// The router as one pass over blocks of sixteen tokens that lie across the lanes of a vector: scores, the k best, weights, and the order by expert. The same experts as <see cref="ReferenceRouter"/> wherever its margin exceeds
/// 1e-5 (scores are rounded once, in single precision, where the reference rounds from double), weights within 1e-6. Allocates nothing for the specs it runs; others go to the reference.
/// </summary>
public static unsafe partial class RouterKernel
{
    private const int Lanes = 16;
    // What fits the stack: 140 KB at most.
    private const int MostExperts = 1024, MostChoices = 32, MostGroups = 64;

    /// <summary>Whether a spec is run by the kernel itself: top-k with or without groups (not by the sum of a whole group), without noise, balance or rules for later choices, weights as they are or divided by their sum, no capacity, up to 1024 experts, 32 choices and 64 groups.</summary>
    /// <param name="spec">A router.</param>
    public static bool Runs(RouterSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec is
        {
            Schedules: null, Noise: null or { TrainingOnly: true }, Experts: <= MostExperts, Dispatch.Capacity: null,
            Select: TopKSelection { K: <= MostChoices, Groups: null or { Count: <= MostGroups, Keep: <= MostChoices, Score: not GroupScore.Sum }, Later: null or { InEvaluation: false } },
            Weigh: { Normalization: WeightNormalization.None or WeightNormalization.Sum, BiasedWeights: false, WeightlessExperts: 0, SoftTopK: null },
            Score.Offset: 0,
        };
    }

    /// <summary>Routes in evaluation.</summary>
    /// <param name="logits">[T, E], row-major.</param>
    /// <param name="spec">The router, for one step.</param>
    /// <param name="selectionBias">[E] where the spec uses one, otherwise empty.</param>
    /// <param name="destination">Overwritten.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">A length is wrong, or a logit is NaN or +infinity, or all of a token's are -infinity.</exception>
    /// <exception cref="NotSupportedException">The reference drops routes: a buffer holds none. Or the environment variable MOE_STRICT is 1, and the reference would run.</exception>
    public static void Route(ReadOnlySpan<float> logits, RouterSpec spec, ReadOnlySpan<float> selectionBias, RoutingBuffer destination)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(destination);
        int e = spec.Experts;
        if (!Runs(spec) || logits.Length % e != 0 || selectionBias.Length != (spec.UsesSelectionBias ? e : 0) || !AllFinite(selectionBias) || !TryRoute(logits, spec, selectionBias, destination))
        {
            // Also what is refused: the reference says why.
            if (!Runs(spec)) StrictMode.FallingBack("this router runs on the scalar reference, not on the kernel (see RouterKernel.Runs)");
            if (spec.Dispatch.Capacity is not null) throw new NotSupportedException("the router has a capacity; a routing buffer holds no drops. Use ReferenceRouter");
            destination.Copy(ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = selectionBias }));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool AllFinite(ReadOnlySpan<float> values)
    {
        foreach (float v in values)
        {
            if (!float.IsFinite(v)) return false;
        }

        return true;
    }

    // False where a logit is not finite.
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool TryRoute(ReadOnlySpan<float> logits, RouterSpec spec, ReadOnlySpan<float> selectionBias, RoutingBuffer destination)
    {
        int e = spec.Experts, k = spec.TopK, tokens = logits.Length / e;
        destination.Begin(tokens, e, k);
        var groups = ((TopKSelection)spec.Select).Groups;
        // Weights divided by their sum: what a softmax over all experts is divided by is divided out again, and its order is that of the logits.
        bool cancels = spec is { Score: { Function: ScoreFunction.Softmax, Stage: ScoreStage.BeforeSelection }, Weigh: { Normalization: WeightNormalization.Sum, Epsilon: 0 } } && (k > 1 || spec.Weigh.NormalizeSingle) && groups is null && selectionBias.IsEmpty;
        float* memory = stackalloc float[((groups is null ? e : 2 * e + groups.Count + 2 * Math.Max(groups.Keep, k)) + 2 * k + 1) * Lanes];
        float* scores = Tiles.Aligned(memory), values = scores + e * Lanes;
        int* indices = (int*)(values + k * Lanes);
        float* rest = values + 2 * k * Lanes;
        fixed (float* l = logits, bias = selectionBias, weights = destination.MutableWeights)
        fixed (int* ids = destination.MutableIds)
        {
            for (int from = 0; from < tokens; from += Lanes)
            {
                int count = Math.Min(Lanes, tokens - from);
                Across(l + (long)from * e, count, e, scores);
                if (!Score(spec, scores, e, cancels)) return false;
                float* choice = groups is null ? scores : Limited(groups, spec.Ties, scores, selectionBias.IsEmpty ? null : bias, e, k, rest);
                Choose(spec.Ties, choice, selectionBias.IsEmpty || groups is not null ? null : bias, e, k, values, indices);
                if (!selectionBias.IsEmpty || groups is not null) Scored(scores, k, values, indices);
                Weigh(spec, values, k, cancels);
                for (int t = 0; t < count; t++)
                {
                    long to = (long)(from + t) * k;
                    for (int j = 0; j < k; j++)
                    {
                        ids[to + j] = indices[j * Lanes + t];
                        weights[to + j] = values[j * Lanes + t];
                    }
                }
            }
        }

        destination.Bucket();
        return true;
    }

    // [count, E] to [E, 16]; lanes without a token repeat the last one.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Across(float* logits, int count, int e, float* to)
    {
        int done = 0;
        if (Avx512F.IsSupported && count == Lanes)
        {
            float** rows = stackalloc float*[Lanes];
            for (int t = 0; t < Lanes; t++) rows[t] = logits + (long)t * e;
            for (; done + Lanes <= e; done += Lanes) Transposes.Sixteen(rows, Lanes, done, to + done * Lanes, Lanes);
        }

        if (count == 1)
        {
            for (int i = 0; i < e; i++) Vector512.Create(logits[i]).Store(to + i * Lanes);
            return;
        }

        for (int t = 0; t < Lanes && done < e; t++)
        {
            float* row = logits + (long)Math.Min(t, count - 1) * e;
            for (int i = done; i < e; i++) to[i * Lanes + t] = row[i];
        }
    }

    // Logits become scores in place, where scores come before the choice.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Score(RouterSpec spec, float* scores, int e, bool cancels)
    {
        var most = Vector512.Create(float.NegativeInfinity);
        var least = Vector512.Create(float.PositiveInfinity);
        var temperature = Vector512.Create((float)spec.Score.Temperature);
        bool divides = spec.Score.Temperature != 1;
        for (int i = 0; i < e; i++)
        {
            var l = Vector512.Load(scores + i * Lanes);
            if (divides)
            {
                l /= temperature;
                l.Store(scores + i * Lanes);
            }

            // NaN goes through both.
            most = Vector512.Max(most, l);
            least = Vector512.Min(least, l);
        }

        if (!Vector512.LessThanAll(most, Vector512.Create(float.PositiveInfinity)) || !Vector512.GreaterThanAll(least, Vector512.Create(float.NegativeInfinity))) return false;
        if (spec.Score.Stage == ScoreStage.BeforeSelection && !cancels) Apply(spec.Score.Function, scores, e, most);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply(ScoreFunction function, float* scores, int count, Vector512<float> most)
    {
        switch (function)
        {
            case ScoreFunction.Softmax:
                var sum = Vector512<float>.Zero;
                for (int i = 0; i < count; i++)
                {
                    var p = Epilogues.Exp(Vector512.Load(scores + i * Lanes) - most);
                    p.Store(scores + i * Lanes);
                    sum += p;
                }

                var inverse = Vector512<float>.One / sum;
                for (int i = 0; i < count; i++) (Vector512.Load(scores + i * Lanes) * inverse).Store(scores + i * Lanes);
                break;
            case ScoreFunction.Sigmoid:
                for (int i = 0; i < count; i++) (Vector512<float>.One / (Vector512<float>.One + Epilogues.Exp(-Vector512.Load(scores + i * Lanes)))).Store(scores + i * Lanes);
                break;
            case ScoreFunction.Relu:
                for (int i = 0; i < count; i++) Vector512.Max(Vector512.Load(scores + i * Lanes), Vector512<float>.Zero).Store(scores + i * Lanes);
                break;
            case ScoreFunction.SqrtSoftplus:
                for (int i = 0; i < count * Lanes; i++) scores[i] = (float)Math.Sqrt(ScoreFunctions.Softplus(scores[i]));
                break;
        }
    }

    // Insertion into k levels, the lowest first: a level takes the value, its upper neighbour's, or keeps its own. Equal values stay in the order of their arrival. Each comparison has one use, so that it stays in a mask register.
    private static void Choose(TieRule ties, float* scores, float* bias, int e, int k, float* values, int* indices)
    {
        if (ties == TieRule.HighestIndex) Choose<LaterFirst>(scores, bias, e, k, values, indices);
        else Choose<EarlierFirst>(scores, bias, e, k, values, indices);
    }

    private static void Choose<TOrder>(float* scores, float* bias, int e, int k, float* values, int* indices) where TOrder : struct, IOrder
    {
        switch (k)
        {
            case 1:
                Top1<TOrder>(scores, bias, e, values, indices);
                return;
            case 2:
                Top2<TOrder>(scores, bias, e, values, indices);
                return;
            case 4:
                Top4<TOrder>(scores, bias, e, values, indices);
                return;
            case 6:
                Top6<TOrder>(scores, bias, e, values, indices);
                return;
            case 8:
                Top8<TOrder>(scores, bias, e, values, indices);
                return;
        }

        for (int j = 0; j < k; j++)
        {
            Vector512.Create(float.NegativeInfinity).Store(values + j * Lanes);
            Vector512.Create(-1).Store(indices + j * Lanes);
        }

        Insert<TOrder>(scores, bias, e, k, values, indices);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Insert<TOrder>(float* scores, float* bias, int e, int k, float* values, int* indices) where TOrder : struct, IOrder
    {
        float* kth = values + (k - 1) * Lanes;
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            if (bias is not null) v += Vector512.Create(bias[i]);
            if (TOrder.NoneBefore(v, Vector512.Load(kth))) continue;
            var index = Vector512.Create(i);
            for (int j = k - 1; j > 0; j--)
            {
                var above = Vector512.Load(values + (j - 1) * Lanes);
                var here = Vector512.Load(values + j * Lanes);
                var taken = Vector512.ConditionalSelect(TOrder.Before(v, here).AsInt32(), index, Vector512.Load(indices + j * Lanes));
                Vector512.ConditionalSelect(TOrder.Before(v, above).AsInt32(), Vector512.Load(indices + (j - 1) * Lanes), taken).Store(indices + j * Lanes);
                Vector512.MaxNative(Vector512.MinNative(v, above), here).Store(values + j * Lanes);
            }

            var first = Vector512.Load(values);
            Vector512.ConditionalSelect(TOrder.Before(v, first).AsInt32(), index, Vector512.Load(indices)).Store(indices);
            Vector512.MaxNative(v, first).Store(values);
        }
    }

    /// <summary>Which of two values, the new one and one that is there, comes first.</summary>
    private interface IOrder
    {
        static abstract Vector512<float> Before(Vector512<float> added, Vector512<float> there);

        static abstract Vector512<float> NotBefore(Vector512<float> added, Vector512<float> there);

        static abstract bool NoneBefore(Vector512<float> added, Vector512<float> there);
    }

    /// <summary>Equal values: the lower index.</summary>
    private readonly struct EarlierFirst : IOrder
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Before(Vector512<float> added, Vector512<float> there) => Vector512.GreaterThan(added, there);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> NotBefore(Vector512<float> added, Vector512<float> there) => Vector512.LessThanOrEqual(added, there);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool NoneBefore(Vector512<float> added, Vector512<float> there) => !Vector512.GreaterThanAny(added, there);
    }

    /// <summary>Equal values: the higher index.</summary>
    private readonly struct LaterFirst : IOrder
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Before(Vector512<float> added, Vector512<float> there) => Vector512.GreaterThanOrEqual(added, there);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> NotBefore(Vector512<float> added, Vector512<float> there) => Vector512.LessThan(added, there);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool NoneBefore(Vector512<float> added, Vector512<float> there) => !Vector512.GreaterThanOrEqualAny(added, there);
    }

    // What the choice compares where groups compete first: scores plus bias, and what the mask says for the groups that were not kept.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float* Limited(GroupLimit limit, TieRule ties, float* scores, float* bias, int e, int k, float* memory)
    {
        float* choice = memory, groups = choice + e * Lanes, values = groups + limit.Count * Lanes;
        int size = e / limit.Count, best = limit.Score switch { GroupScore.Max => 1, GroupScore.SumOfTopTwo => 2, _ => k / limit.Keep };
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            (bias is null ? v : v + Vector512.Create(bias[i])).Store(choice + i * Lanes);
        }

        int* indices = (int*)(values + Math.Max(best, limit.Keep) * Lanes);
        for (int g = 0; g < limit.Count; g++)
        {
            Choose(ties, choice + g * size * Lanes, null, size, best, values, indices);
            var sum = Vector512.Load(values);
            for (int j = 1; j < best; j++) sum += Vector512.Load(values + j * Lanes);
            sum.Store(groups + g * Lanes);
        }

        Choose(ties, groups, null, limit.Count, limit.Keep, values, indices);
        var fill = Vector512.Create(limit.Mask == GroupMask.Zero ? 0f : float.NegativeInfinity);
        for (int g = 0; g < limit.Count; g++)
        {
            var kept = Vector512<int>.Zero;
            for (int j = 0; j < limit.Keep; j++) kept |= Vector512.Equals(Vector512.Load(indices + j * Lanes), Vector512.Create(g));
            for (int i = g * size; i < (g + 1) * size; i++) Vector512.ConditionalSelect(kept.AsSingle(), Vector512.Load(choice + i * Lanes), fill).Store(choice + i * Lanes);
        }

        return choice;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scored(float* scores, int k, float* values, int* indices)
    {
        for (int i = 0; i < k * Lanes; i++) values[i] = scores[indices[i] * Lanes + i % Lanes];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Weigh(RouterSpec spec, float* values, int k, bool cancels)
    {
        if (spec.Score.Stage == ScoreStage.AfterSelection || cancels)
        {
            var most = Vector512.Load(values);
            for (int j = 1; j < k; j++) most = Vector512.Max(most, Vector512.Load(values + j * Lanes));
            Apply(spec.Score.Function, values, k, most);
        }

        var weigh = spec.Weigh;
        var factor = Vector512.Create((float)weigh.Scale);
        if (!cancels && weigh.Normalization == WeightNormalization.Sum && (k > 1 || weigh.NormalizeSingle))
        {
            var sum = Vector512<float>.Zero;
            for (int j = 0; j < k; j++) sum += Vector512.Load(values + j * Lanes);
            var epsilon = Vector512.Create((float)weigh.Epsilon);
            sum = weigh.EpsilonRule == EpsilonRule.Add ? sum + epsilon : Vector512.Max(sum, epsilon);
            // All weights zero: they stay zero.
            factor /= Vector512.ConditionalSelect(Vector512.Equals(sum, Vector512<float>.Zero), Vector512<float>.One, sum);
        }

        for (int j = 0; j < k; j++) (Vector512.Load(values + j * Lanes) * factor).Store(values + j * Lanes);
    }
}
