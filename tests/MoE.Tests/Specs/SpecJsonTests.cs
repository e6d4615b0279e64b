using CsCheck;

namespace MoE.Tests.Specs;

/// <summary>The JSON form: closed, versioned, and equal to what was written.</summary>
public sealed class SpecJsonTests
{
    private const string Small = """{"schema":1,"experts":8,"select":{"kind":"top_k","k":2}}""";

    public static TheoryData<string, string> Refused => new()
    {
        { "", "Not a valid RouterSpec" },
        { "null", "not an object" },
        { "[]", "not an object" },
        { "{", "Not a valid RouterSpec" },
        { "{}", "\"schema\" is missing" },
        { Small + "x", "Not a valid RouterSpec" },
        { Small.Replace("\"k\":2}", "\"k\":2,}", StringComparison.Ordinal), "Not a valid RouterSpec" },
        { "// comment\n" + Small, "Not a valid RouterSpec" },
        { Small.Replace("\"schema\":1,", "", StringComparison.Ordinal), "\"schema\" is missing" },
        { Small.Replace("\"schema\":1", "\"schema\":2", StringComparison.Ordinal), "\"schema\" is 2; this version reads 1" },
        { Small.Replace("\"schema\":1", "\"schema\":2,\"unheard_of\":0", StringComparison.Ordinal), "\"schema\" is 2; this version reads 1" },
        { Small.Replace("\"schema\":1", "\"schema\":0", StringComparison.Ordinal), "\"schema\" is 0" },
        { Small.Replace("\"schema\":1", "\"schema\":\"1\"", StringComparison.Ordinal), "\"schema\" is \"1\"" },
        { Small.Replace("\"schema\":1", "\"schema\":1.5", StringComparison.Ordinal), "\"schema\" is 1.5" },
        { Small.Replace("\"schema\":1", "\"schema\":99999999999", StringComparison.Ordinal), "\"schema\" is 99999999999" },
        { Small.Replace("\"experts\":8,", "", StringComparison.Ordinal), "experts" },
        { Small.Replace("\"experts\":8", "\"experts\":\"8\"", StringComparison.Ordinal), "experts" },
        { Small.Replace("\"experts\":8", "\"experts\":8.5", StringComparison.Ordinal), "experts" },
        { Small.Replace("\"experts\":8", "\"experts\":null", StringComparison.Ordinal), "experts" },
        { Small.Replace("\"experts\":8", "\"experts\":4294967297", StringComparison.Ordinal), "experts" },
        { Small.Replace("\"experts\":8", "\"experts\":8,\"experts\":8", StringComparison.Ordinal), "experts" },
        { Small.Replace("\"experts\":8", "\"Experts\":8", StringComparison.Ordinal), "Experts" },
        { Small.Replace("\"kind\":\"top_k\",", "", StringComparison.Ordinal), "Not a valid RouterSpec" },
        { Small.Replace("top_k", "top_q", StringComparison.Ordinal), "top_q" },
        { Small.Replace("\"top_k\"", "0", StringComparison.Ordinal), "Not a valid RouterSpec" },
        { Small.Replace("{\"kind\":\"top_k\",\"k\":2}", "null", StringComparison.Ordinal), "select" },
        { With("\"unknown\":1"), "unknown" },
        { With("\"$type\":\"x\""), "$type" },
        { With("\"score\":null"), "score" },
        { With("\"score\":[]"), "score" },
        { With("\"score\":{\"unknown\":1}"), "unknown" },
        { With("\"score\":{\"function\":1}"), "score.function" },
        { With("\"score\":{\"function\":\"1\"}"), "score.function" },
        { With("\"score\":{\"function\":\"tanh\"}"), "score.function" },
        { With("\"score\":{\"function\":\"sigmoid,sqrt_softplus\"}"), "score.function" },
        { With("\"score\":{\"function\":\"Sigmoid\"}"), "must be one of softmax, sigmoid, sqrt_softplus, identity" },
        { With("\"score\":{\"temperature\":\"NaN\"}"), "score.temperature" },
        { With("\"score\":{\"temperature\":NaN}"), "Not a valid RouterSpec" },
        { With("\"score\":{\"temperature\":1,\"temperature\":2}"), "temperature" },
        { With("\"weigh\":{\"unknown\":1}"), "unknown" },
        { With("\"weigh\":{\"normalize_single\":1}"), "normalize_single" },
        { With("\"dispatch\":{\"unknown\":1}"), "unknown" },
        { With("\"dispatch\":{\"capacity\":{\"unknown\":1}}"), "unknown" },
        { With("\"dispatch\":{\"capacity\":{\"fixed\":1.5}}"), "fixed" },
        { Small.Replace("\"k\":2", "\"k\":2,\"groups\":{\"count\":4,\"keep\":2,\"unknown\":1}", StringComparison.Ordinal), "unknown" },
        { Small.Replace("\"k\":2", "\"k\":2,\"groups\":{\"count\":4}", StringComparison.Ordinal), "keep" },
        { "{\"\\ud800\":1,\"schema\":1}", "Not a valid RouterSpec" },
        { With("\"score\":{\"function\":\"\\ud800\"}"), "Not a valid RouterSpec" },
        { new string('[', 10_000), "Not a valid RouterSpec" },
    };

    [Theory, MemberData(nameof(Refused))]
    public void What_is_not_a_spec_of_this_schema_is_refused_by_name(string json, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => RouterSpec.FromJson(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_lone_surrogate_in_the_text_is_refused() =>
        Assert.Throws<InvalidDataException>(() => RouterSpec.FromJson(Small + '\ud800'));

    [Fact]
    public void A_read_spec_is_checked() => Assert.Equal(
        "select.k = 9: must be in 1..experts (8)",
        Assert.Throws<SpecException>(() => RouterSpec.FromJson(Small.Replace("\"k\":2", "\"k\":9", StringComparison.Ordinal))).Message);

    [Fact]
    public void What_is_absent_has_its_default()
    {
        Assert.Equal(new RouterSpec { Experts = 8, Select = new TopKSelection { K = 2 } }, RouterSpec.FromJson(Small));
        Assert.Equal(
            new RouterSpec
            {
                Experts = 8,
                Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
                Select = new TopKSelection { K = 2, Groups = new GroupLimit { Count = 4, Keep = 1 } },
                Weigh = new WeighSpec { Normalization = WeightNormalization.PNorm },
                Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Fixed = 3 } },
            },
            RouterSpec.FromJson("""
                {"schema":1,"experts":8,"score":{"function":"sigmoid"},"select":{"kind":"top_k","k":2,"groups":{"count":4,"keep":1}},
                 "weigh":{"normalization":"p_norm"},"dispatch":{"capacity":{"fixed":3}}}
                """));
        Assert.Equal(
            new MoELayerSpec { Width = 5, Router = RouterSpec.FromJson(Small), Expert = new ExpertSpec { Width = 7 }, Shared = new SharedExpertSpec { Width = 2 } },
            MoELayerSpec.FromJson("{\"schema\":1,\"width\":5,\"router\":" + Small + ",\"expert\":{\"width\":7},\"shared\":{\"width\":2}}"));
    }

    [Fact]
    public void A_bad_spec_is_not_written()
    {
        var spec = RouterProfiles.Mixtral(8) with { Score = new ScoreSpec { Temperature = double.NaN }, Ties = (TieRule)9 };
        Assert.Equal(["ties", "score.temperature"], Assert.Throws<SpecException>(spec.ToJson).Problems.Select(static p => p.Name));
        var layer = LayerProfiles.Mixtral(4, 4) with { Width = 0 };
        Assert.Equal("width", Assert.Single(Assert.Throws<SpecException>(layer.ToJson).Problems).Name);
    }

    [Fact]
    public void The_kind_may_come_last() =>
        Assert.Equal(RouterSpec.FromJson(Small), RouterSpec.FromJson("""{"select":{"k":2,"kind":"top_k"},"experts":8,"schema":1}"""));

    [Fact]
    public void The_written_form_is_stable()
    {
        const string expected = """
            {
              "schema": 1,
              "experts": 256,
              "logits": "single",
              "score": {
                "function": "sigmoid",
                "stage": "before_selection",
                "temperature": 1
              },
              "select": {
                "kind": "top_k",
                "k": 8,
                "groups": {
                  "count": 8,
                  "keep": 4,
                  "score": "sum_of_top_two",
                  "mask": "negative_infinity"
                },
                "uses_bias": true
              },
              "weigh": {
                "normalization": "sum",
                "p": 2,
                "epsilon": 0,
                "epsilon_rule": "add",
                "normalize_single": true,
                "scale": 2.5
              },
              "dispatch": {
                "drop": "first_come",
                "arrival": "choice_major",
                "offset": "all_earlier_choices",
                "renormalize_after_drop": false
              },
              "ties": "lowest_index"
            }

            """;
        Assert.Equal(expected.ReplaceLineEndings("\n"), RouterProfiles.DeepSeekV3(256, 8, 8, 4, 2.5).ToJson());
    }

    [Fact]
    public void Any_router_comes_back_equal() => RandomSpecs.Router.Sample(static spec =>
    {
        spec.Checked();
        return RouterSpec.FromJson(spec.ToJson()) == spec;
    });

    [Fact]
    public void Any_layer_comes_back_equal() => RandomSpecs.Layer.Sample(static spec =>
    {
        spec.Checked();
        return MoELayerSpec.FromJson(spec.ToJson()) == spec;
    });

    [Fact]
    public void A_layer_is_as_closed_as_its_router()
    {
        string json = LayerProfiles.GptOss(8, 8, 4).ToJson();
        Assert.Throws<InvalidDataException>(() => MoELayerSpec.FromJson(Small));
        Assert.Throws<InvalidDataException>(() => MoELayerSpec.FromJson(json.Replace("\"up_offset\"", "\"down_offset\"", StringComparison.Ordinal)));
        Assert.Throws<InvalidDataException>(() => MoELayerSpec.FromJson(json.Replace("\"interleaved\"", "1", StringComparison.Ordinal)));
        Assert.Contains("router.schema = 2", Assert.Throws<SpecException>(() => MoELayerSpec.FromJson(json.Replace("  \"schema\": 1,\n    \"experts\"", "  \"schema\": 2,\n    \"experts\"", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Null_text_is_an_argument_error()
    {
        Assert.Throws<ArgumentNullException>(() => RouterSpec.FromJson(null!));
        Assert.Throws<ArgumentNullException>(() => MoELayerSpec.FromJson(null!));
    }

    private static string With(string member) => Small.Insert(Small.Length - 1, "," + member);
}
