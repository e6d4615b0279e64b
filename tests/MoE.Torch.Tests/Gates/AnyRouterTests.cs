using CsCheck;
using MoE.Tests.Specs;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Gates;

/// <summary>Random routers on random batches: the torch engine routes as the reference does.</summary>
public sealed class AnyRouterTests
{
    [Fact]
    public void Random_routers_route_as_the_reference() => RandomSpecs.Any
        .SelectMany(static spec => Gen.Select(Gen.Int[0, 3], Gen.Int[1, 5], Gen.Int[0, int.MaxValue], (sequences, length, seed) => (spec, sequences, length, seed)))
        .Sample(static (spec, sequences, length, seed) =>
        {
            // libtorch's own order, and rules whose outcome hangs on the last bit of a sum.
            if (spec.Ties == TieRule.Native || spec.Dispatch.Drop is DropPolicy.Unspecified or DropPolicy.HeaviestWeight) return;
            // An overflowing router hides the choices it did not try, and with them a near tie of iterations that differ in the last bit; the weights' sum would show it.
            if (spec.Dispatch.Drop == DropPolicy.Overflow && spec.Select is TopKSelection { Balance: not null }) return;
            int tokens = sequences * length, e = spec.Experts;
            float[] logits = Distinct(tokens * e, seed);
            float[] bias = spec.UsesSelectionBias ? Distinct(e, seed) : [];
            bool[] padding = [.. Enumerable.Range(0, tokens).Select(t => seed % 2 == 1 && (seed + t) % 4 == 0)];
            var noise = new SeededNoise((ulong)seed);
            bool training = seed % 3 > 0;
            var options = new RouteOptions { SelectionBias = bias, Padding = padding, SequenceLength = length, Noise = noise, Training = training, KeepScores = true };
            var expected = ReferenceRouter.Route(logits, spec, options);
            using var scope = NewDisposeScope();
            var context = new GateContext { Padding = tensor(padding), SequenceLength = length, Noise = noise };
            using var routing = SpecRouting.route(tensor(logits, tokens, e), spec, bias.Length == 0 ? null : tensor(bias), context, training);
            var actual = routing.Snapshot();
            if (!expected.ExpertIds.SequenceEqual(actual.ExpertIds))
            {
                // A choice that single and double precision see differently must be a near tie: then the given experts agree.
                Assert.True(NearTie(spec, expected, actual), "other experts, and no tie");
                return;
            }

            for (int r = 0; r < actual.RouteCount; r++)
            {
                Assert.Equal(expected.Plan.IsKept(r), actual.Plan.IsKept(r));
                Assert.Equal(expected.Weights[r], actual.Weights[r], 2e-5 * Math.Max(1, Math.Abs(expected.Weights[r])));
            }

            Assert.Equal(expected.Plan.Capacity, actual.Plan.Capacity);
        }, iter: 1500, threads: 1);

    // All values differ by a hundredth at least.
    private static float[] Distinct(int count, int seed)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(seed).Shuffle(order);
        return [.. order.Select(i => (i - count / 2) * 0.01f + 0.003f)];
    }

    private static bool NearTie(RouterSpec spec, TopKRouting expected, TopKRouting actual)
    {
        int k = spec.TopK, e = spec.Experts;
        for (int r = 0; r < expected.RouteCount; r++)
        {
            if (expected.ExpertIds[r] == actual.ExpertIds[r]) continue;
            int t = r / k;
            float[] scores = expected.Scores.Slice(t * e, e).ToArray();
            float Of(int expert) => expert < 0 ? float.NaN : scores[expert];
            float a = Of(expected.ExpertIds[r]), b = Of(actual.ExpertIds[r]);
            // Saturated or equal scores, a threshold within rounding, a mass within rounding, or a balanced choice, whose iterations differ in the last bit.
            bool near = Math.Abs(a - b) <= 1e-5 * Math.Max(1, Math.Abs(a)) || ((float.IsNaN(a) || float.IsNaN(b)) && spec.Select is TopPSelection or ThresholdSelection) || spec.Select is TopKSelection { Balance: not null } or SparseMixerSelection || spec.Noise is not null
                || spec.Select is TopKSelection { Groups: not null } or ExpertChoiceSelection or RaceSelection;
            if (!near) return false;
        }

        return true;
    }
}
