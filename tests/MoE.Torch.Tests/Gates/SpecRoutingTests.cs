using static TorchSharp.torch;

namespace MoE.Torch.Tests.Gates;

/// <summary>The torch engine routes as the managed reference does, for every axis of the spec.</summary>
public sealed class SpecRoutingTests
{
    private static readonly SeededNoise s_noise = new(5);

    public static TheoryData<string> Names => Specs.Names;

    [Theory, MemberData(nameof(Names))]
    public void Routes_as_the_reference(string name)
    {
        var spec = Specs.All[name];
        foreach (int tokens in new[] { 0, 1, 7, 33 })
        {
            float[] logits = Specs.Random(tokens * spec.Experts, (ulong)tokens + 1, 2);
            float[] bias = spec.UsesSelectionBias ? Specs.Random(spec.Experts, 99) : [];
            var expected = ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias, Noise = s_noise, Training = true });
            Same(expected, Snapshot(logits, spec, bias, GateContext.Empty));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Ties_are_broken_as_the_reference_breaks_them(string name)
    {
        var spec = Specs.All[name];
        float[] logits = [.. Specs.Random(20 * spec.Experts, 3).Select(static v => MathF.Round(v))];
        float[] bias = new float[spec.UsesSelectionBias ? spec.Experts : 0];
        Same(ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias, Noise = s_noise, Training = true }), Snapshot(logits, spec, bias, GateContext.Empty));
    }

    [Theory, MemberData(nameof(Names))]
    public void Masks_are_obeyed_as_the_reference_obeys_them(string name)
    {
        var spec = Specs.All[name];
        const int tokens = 12;
        float[] logits = Specs.Random(tokens * spec.Experts, 5);
        float[] bias = spec.UsesSelectionBias ? Specs.Random(spec.Experts, 98) : [];
        bool[] padding = [.. Enumerable.Range(0, tokens).Select(static t => t % 3 == 0)];
        // More closed experts than a choice of k can always avoid.
        bool[] closed = [.. Enumerable.Range(0, spec.Experts).Select(static e => e > 1)];
        logits[0] = float.NaN;
        var expected = ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias, Noise = s_noise, Training = true, Padding = padding, ClosedExperts = closed });
        using var scope = NewDisposeScope();
        Same(expected, Snapshot(logits, spec, bias, new GateContext { Padding = tensor(padding), ClosedExperts = tensor(closed) }));
    }

    [Fact]
    public void Minus_infinity_logits_route_as_the_reference()
    {
        var spec = Specs.TopK(6, 3);
        float[] logits = Specs.Random(30, 8);
        for (int t = 0; t < 5; t++) logits[t * 6 + t] = float.NegativeInfinity;
        for (int e = 1; e < 6; e++) logits[e] = float.NegativeInfinity;
        logits[0] = 1;
        Same(ReferenceRouter.Route(logits, spec), Snapshot(logits, spec, [], GateContext.Empty));
    }

    [Fact]
    public void Given_experts_are_taken_and_weighed_by_live_scores()
    {
        using var scope = NewDisposeScope();
        var spec = Specs.TopK(8, 2) with { Weigh = new() { Normalization = WeightNormalization.Sum } };
        float[] logits = Specs.Random(24, 9);
        int[] given = [7, 0, 3, 3, 1, -1];
        var expected = ReferenceRouter.Route(logits, spec, new RouteOptions { GivenExperts = given });
        var context = new GateContext { GivenExperts = tensor(given.Select(static g => (long)g).ToArray(), 3, 2) };
        Same(expected, Snapshot(logits, spec, [], context));
    }

    [Theory]
    [InlineData(float.NaN, "logits[1, 2] = NaN")]
    [InlineData(float.PositiveInfinity, "logits[1, 2] = ∞")]
    public void Bad_logits_are_refused_by_name_and_place(float bad, string message)
    {
        using var scope = NewDisposeScope();
        float[] logits = new float[12];
        logits[6] = bad;
        var error = Assert.Throws<ArgumentException>(() => SpecRouting.route(tensor(logits, 3, 4), Specs.TopK(4, 2)));
        Assert.Contains(message.Replace("∞", float.PositiveInfinity.ToString()), error.Message);
        Assert.Contains("must be finite or -infinity", error.Message);
    }

    [Fact]
    public void A_token_without_any_finite_logit_is_refused_also_when_only_closed_experts_are_finite()
    {
        using var scope = NewDisposeScope();
        float inf = float.NegativeInfinity;
        var logits = tensor(new[] { 0f, 0, 0, 1, inf, inf }, 2, 3);
        Assert.Contains("logits[1, *]", Assert.Throws<ArgumentException>(() =>
            SpecRouting.route(logits, Specs.TopK(3, 1), null, new GateContext { ClosedExperts = tensor(new[] { true, false, false }) })).Message);
    }

    [Fact]
    public void The_logit_check_can_be_turned_off()
    {
        using var scope = NewDisposeScope();
        using var routing = SpecRouting.route(tensor(new[] { float.NaN, 0, 0 }, 1, 3), Specs.TopK(3, 1), null, new GateContext { SkipLogitCheck = true });
        Assert.Equal(1, routing.TokenCount);
    }

    [Fact]
    public void Wrong_shapes_and_types_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        var spec = Specs.TopK(4, 2);
        Assert.Contains("logits has shape [3, 5]; must be [T, 4]", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 5), spec)).Message);
        Assert.Contains("logits has shape [4]", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(4), spec)).Message);
        Assert.Contains("logits has type Int64", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 4, dtype: ScalarType.Int64), spec)).Message);
        Assert.Contains("selectionBias is given; must be null", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 4), spec, zeros(4))).Message);
        Assert.Contains("selectionBias is null; must be given", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 4), Specs.TopK(4, 2, bias: true))).Message);
        Assert.Contains("padding has shape [4]; must be [3]", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 4), spec, null, new GateContext { Padding = zeros(4, dtype: ScalarType.Bool) })).Message);
        Assert.Contains("padding has type Float32; must be Bool", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 4), spec, null, new GateContext { Padding = zeros(3) })).Message);
        Assert.Contains("givenExperts is Int64 [3, 3]; must be Int64 [3, 2]", Assert.Throws<ArgumentException>(() => SpecRouting.route(zeros(3, 4), spec, null, new GateContext { GivenExperts = zeros(3, 3, dtype: ScalarType.Int64) })).Message);
    }

    [Theory, MemberData(nameof(Names))]
    public void Weights_have_the_gradient_of_finite_differences(string name)
    {
        var spec = Specs.All[name];
        // In training the sampled weight and its gradient differ by design; in evaluation they do not.
        bool training = spec.Select is not SparseMixerSelection;
        const int tokens = 5;
        using var scope = NewDisposeScope();
        var logits = tensor(Specs.Random(tokens * spec.Experts, 21), tokens, spec.Experts).to(ScalarType.Float64);
        var bias = spec.UsesSelectionBias ? tensor(Specs.Random(spec.Experts, 97)) : null;
        var cotangent = tensor(Specs.Random(tokens * spec.Experts, 22), tokens, spec.Experts).to(ScalarType.Float64);
        Gradients.Check(l => (SpecRouting.route(l, spec, bias, new GateContext { Noise = s_noise }, training).ToDenseWeights() * cotangent).sum(), logits);
    }

    [Fact]
    public void Padded_tokens_with_NaN_leave_the_gradient_of_the_others_finite()
    {
        using var scope = NewDisposeScope();
        foreach (var spec in new[] { Specs.All["softmax-after"], Specs.All["sigmoid-sum-scale"] })
        {
            float[] values = Specs.Random(16, 4);
            values[3] = float.NaN;
            var logits = tensor(values, 2, 8).requires_grad_();
            SpecRouting.route(logits, spec, null, new GateContext { Padding = tensor(new[] { true, false }) }).Weights.square().sum().backward();
            Assert.True(logits.grad!.isfinite().all().item<bool>());
            Assert.Equal(0, logits.grad[0].abs().sum().item<float>());
        }
    }

    private static TopKRouting Snapshot(float[] logits, RouterSpec spec, float[] bias, GateContext context)
    {
        using var scope = NewDisposeScope();
        var b = bias.Length == 0 ? null : tensor(bias);
        return SpecRouting.route(tensor(logits, logits.Length / spec.Experts, spec.Experts), spec, b, context with { Noise = s_noise }, training: true).Snapshot();
    }

    internal static void Same(TopKRouting expected, TopKRouting actual)
    {
        Assert.Equal(expected.ExpertIds.ToArray(), actual.ExpertIds.ToArray());
        // Single-precision softmax against one in double: two units in the last place.
        for (int r = 0; r < expected.RouteCount; r++) Assert.Equal(expected.Weights[r], actual.Weights[r], 2e-6f + 2e-5f * Math.Abs(expected.Weights[r]));
        Assert.Equal(expected.Plan.Offsets.ToArray(), actual.Plan.Offsets.ToArray());
        Assert.Equal(expected.Plan.Permutation.ToArray(), actual.Plan.Permutation.ToArray());
        Assert.Equal(expected.Plan.Positions.ToArray(), actual.Plan.Positions.ToArray());
        Assert.Equal(expected.Plan.Capacity, actual.Plan.Capacity);
        Assert.Equal(expected.Plan.DroppedCount, actual.Plan.DroppedCount);
    }
}
