using CsCheck;
using MoE.Tests.Profiles;
using MoE.Tests.Specs;

namespace MoE.Tests.Reference;

/// <summary>The reference layer against double loops written from the definition, for every form of expert.</summary>
public sealed class ReferenceLayerTests
{
    private static readonly MoELayerSpec s_small = LayerProfiles.Mixtral(4, 6, 4, 2);

    public static TheoryData<string> Profiles => [.. AllProfiles.Layers.Keys];

    public static TheoryData<ExpertForm, Activation, bool, double?, WeightedSide, bool?> Forms
    {
        get
        {
            var rows = new TheoryData<ExpertForm, Activation, bool, double?, WeightedSide, bool?>();
            foreach (var form in Enum.GetValues<ExpertForm>())
                foreach (var activation in Enum.GetValues<Activation>())
                    foreach (bool biases in (bool[])[false, true])
                        foreach (var side in Enum.GetValues<WeightedSide>())
                        {
                            rows.Add(form, activation, biases, null, side, null);
                            rows.Add(form, activation, biases, form == ExpertForm.Glu ? 0.8 : null, side, biases);
                        }

            return rows;
        }
    }

    [Theory, MemberData(nameof(Forms))]
    public void Every_form_is_its_definition(ExpertForm form, Activation activation, bool biases, double? limit, WeightedSide side, bool? sharedGate)
    {
        var spec = s_small with
        {
            Expert = new ExpertSpec { Form = form, Activation = activation, Width = 5, Biases = biases, Limit = limit, UpOffset = limit is null ? 0 : 1, Alpha = activation == Activation.Silu ? 1.702 : 1 },
            Weighted = side,
            Shared = sharedGate is { } gate ? new SharedExpertSpec { Width = 3, SigmoidGate = gate } : null,
        };
        IsItsDefinition(spec.Checked(), 9, 17);
    }

    [Theory, MemberData(nameof(Profiles))]
    public void Every_profile_is_its_definition(string name) => IsItsDefinition(AllProfiles.Layers[name], 11, 3);

    [Fact]
    public void Any_layer_is_its_definition() =>
        Gen.Select(RandomSpecs.Layer, Gen.Int[0, 6], Draw.Seed).Sample(static (spec, tokens, seed) => IsItsDefinition(spec, tokens, seed), iter: 300);

    [Fact]
    public void The_layout_of_a_fused_weight_changes_nothing_here()
    {
        var interleaved = s_small with { Expert = s_small.Expert with { Layout = GluLayout.Interleaved } };
        var weights = LayerOracle.RandomWeights(s_small, 5);
        Assert.Equal(Run(s_small, weights, Draw.Normal(12, 1)), Run(interleaved, weights, Draw.Normal(12, 1)));
    }

    [Fact]
    public void An_empty_batch_gives_nothing()
    {
        var layer = new ReferenceLayer(s_small, LayerOracle.RandomWeights(s_small, 1));
        Assert.Equal(0, layer.Forward(new GateInput([], 4), []).TokenCount);
    }

    [Fact]
    public void Rows_do_not_see_each_other()
    {
        var weights = LayerOracle.RandomWeights(s_small, 2);
        float[] x = Draw.Normal(7 * 4, 8), whole = Run(s_small, weights, x);
        for (int t = 0; t < 7; t++) Assert.Equal(whole[(t * 4)..((t + 1) * 4)], Run(s_small, weights, x[(t * 4)..((t + 1) * 4)]));
    }

    [Fact]
    public void A_dropped_token_is_left_with_the_shared_expert()
    {
        var spec = s_small with
        {
            Router = s_small.Router with { Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Fixed = 0 } } },
            Shared = new SharedExpertSpec { Width = 3 },
        };
        var weights = LayerOracle.RandomWeights(spec, 2);
        float[] x = Draw.Normal(8, 8);
        double[] expected = LayerOracle.Forward(spec, weights, x, new float[8], new bool[8]);
        Close(expected, Run(spec, weights, x));
        Assert.All(Run(spec with { Shared = null }, weights, x), static y => Assert.Equal(0, y));
    }

    [Fact]
    public void A_padded_token_may_hold_anything_and_gets_no_expert()
    {
        var layer = new ReferenceLayer(s_small, LayerOracle.RandomWeights(s_small, 2));
        float[] x = Draw.Normal(8, 8), y = new float[8];
        x[0] = float.NaN;
        var routing = layer.Forward(new GateInput(x, 4) { Padding = [true, false] }, y);
        Assert.Equal([0, 0, 0, 0], y[..4]);
        Assert.DoesNotContain(y, float.IsNaN);
        Assert.Equal(2, routing.Load().Sum());
    }

    [Fact]
    public void A_gate_of_the_user_is_obeyed()
    {
        var weights = LayerOracle.RandomWeights(s_small, 2);
        float[] x = Draw.Normal(8, 8), dense = [0, 0.5f, 0, 2, 1, 0, 0, 0], y = new float[8];
        new ReferenceLayer(s_small, weights, new FixedGate(new DenseRouting(2, 4, 1, dense))).Forward(x, y);
        Close(LayerOracle.Forward(s_small, weights, x, dense, [.. Enumerable.Repeat(true, 8)]), y);
        new ReferenceLayer(s_small, weights, new FixedGate(new RaggedRouting(4, [0, 2, 3], [1, 3, 0], [0.5f, 2, 1]))).Forward(x, y);
        Close(LayerOracle.Forward(s_small, weights, x, dense, [.. dense.Select(static w => w != 0)]), y);
        var slots = new ReferenceLayer(s_small, weights, new FixedGate(new DenseRouting(2, 4, 2, new float[16])));
        var other = new ReferenceLayer(s_small, weights, new FixedGate(new DenseRouting(3, 4, 1, new float[12])));
        Assert.Contains("gate fixed returned a routing of 3 tokens over 4 experts; must be 2 over 4", Assert.Throws<InvalidOperationException>(() => other.Forward(x, new float[8])).Message, StringComparison.Ordinal);
        Assert.Contains("2 slots", Assert.Throws<NotSupportedException>(() => slots.Forward(x, new float[8])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_calls_are_refused_by_name()
    {
        var weights = LayerOracle.RandomWeights(s_small, 2);
        var layer = new ReferenceLayer(s_small, weights);
        Assert.Equal("managed-reference", layer.Name);
        Refused("tokens", "tokens has 7 values; must be a multiple of width (4)", () => layer.Forward(new float[7], new float[7]));
        Refused("output", "output has 7 values; must have 8", () => layer.Forward(new float[8], new float[7]));
        Refused("input", "input has width 8; must be 4", () => layer.Forward(new GateInput(new float[8], 8), new float[8]));
        float[] memory = new float[12];
        Refused("output", "output overlaps the tokens", () => layer.Forward(memory.AsSpan(0, 8), memory.AsSpan(4, 8)));
        Refused("logits", "must be finite or -infinity", () => layer.Forward([float.NaN, 0, 0, 0], new float[4]));
        Refused("gate", "gate has 3 experts; must have 4", () => _ = new ReferenceLayer(s_small, weights, new FixedGate(new DenseRouting(0, 3, 1, []))));
        Assert.Throws<SpecException>(() => new ReferenceLayer(s_small with { Width = 0 }, weights));
    }

    [Fact]
    public void Missing_and_misshapen_weights_are_all_named()
    {
        var weights = new WeightDictionary().Add(WeightNames.Router, new float[16], 4, 4).Add(WeightNames.ExpertUp, new float[96], 4, 4, 6);
        string message = Assert.Throws<ArgumentException>(() => new ReferenceLayer(s_small, weights)).Message;
        Assert.StartsWith("experts.gate is missing; must be [4, 6, 4]; experts.up has shape [4, 4, 6]; must be [4, 6, 4]; experts.down is missing; must be [4, 4, 6]", message, StringComparison.Ordinal);
    }

    private static void IsItsDefinition(MoELayerSpec spec, int tokens, int seed)
    {
        var weights = LayerOracle.RandomWeights(spec, seed);
        float[] x = Draw.Normal(tokens * spec.Width, seed ^ 5), y = new float[x.Length];
        using var layer = new ReferenceLayer(spec, weights);
        var routing = (TopKRouting)layer.Forward(new GateInput(x, spec.Width), y);
        var routed = new bool[tokens * spec.Router.Experts];
        for (int r = 0; r < routing.RouteCount; r++)
        {
            if (routing.Plan.IsKept(r)) routed[routing.TokenOf(r) * spec.Router.Experts + routing.ExpertIds[r]] = true;
        }

        Close(LayerOracle.Forward(spec, weights, x, routing.ToDenseWeights(), routed), y);
    }

    private static float[] Run(MoELayerSpec spec, WeightDictionary weights, float[] x)
    {
        var y = new float[x.Length];
        new ReferenceLayer(spec, weights).Forward(x, y);
        return y;
    }

    // One rounding to single precision at the end; the oracle's sums have another order and its GELU is good to 1e-10.
    private static void Close(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(expected[i], actual[i], 1e-6 * Math.Max(1, Math.Abs(expected[i])));
    }

    private static void Refused(string parameter, string message, Action call)
    {
        var refused = Assert.ThrowsAny<ArgumentException>(call);
        Assert.Equal(parameter, refused.ParamName);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    private sealed class FixedGate(Routing routing) : IGate
    {
        public string Name => "fixed";

        public int ExpertCount => routing.ExpertCount;

        public Routing Route(in GateInput input) => routing;
    }
}
