using CsCheck;
using MoE.Tests.Specs;

namespace MoE.Tests.Schedules;

/// <summary>A router that follows the step: the spec of a step, its JSON, its refusals, and the managed gate.</summary>
public sealed class RouterSchedulesTests
{
    private static readonly RouterSpec s_plain = new()
    {
        Experts = 8,
        Select = new TopKSelection { K = 1 },
        Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = 1 } },
    };

    private static readonly RouterSpec s_scheduled = s_plain with
    {
        Schedules = new RouterSchedules
        {
            Temperature = new LinearSchedule { From = 2, To = 0.5, Steps = 3 },
            K = new LinearSchedule { From = 8, To = 2, Steps = 4 },
            CapacityFactor = new StepwiseSchedule { Initial = 4, Changes = [new ScheduleChange { Step = 2, Value = 1.25 }] },
        },
    };

    public static TheoryData<RouterSpec, string> Bad => new()
    {
        { With(new RouterSchedules { Temperature = new LinearSchedule { From = 1, To = 0, Steps = 9 } }), "schedules.temperature = 0: must be positive at every step" },
        { With(new RouterSchedules { Temperature = new LinearSchedule { From = 1, To = double.NaN, Steps = 9 } }), "schedules.temperature.to = NaN: must be finite" },
        { With(new RouterSchedules { K = new LinearSchedule { From = 9, To = 1, Steps = 9 } }), "schedules.k = 9: must be in 1..experts (8)" },
        { With(new RouterSchedules { K = new LinearSchedule { From = 4, To = 0.49, Steps = 9 } }), "schedules.k = 0: must be in 1..experts (8)" },
        { With(new RouterSchedules { K = new ConstantSchedule { Constant = 1e300 } }), "schedules.k = 2147483646: must be in 1..experts (8)" },
        { With(new RouterSchedules { CapacityFactor = new LinearSchedule { From = 1, To = -1, Steps = 9 } }), "schedules.capacity_factor = -1: must not be negative at any step" },
        { With(new RouterSchedules { NoiseScale = new ConstantSchedule { Constant = 1 } }), "schedules.noise_scale = given: the spec has no noise to schedule" },
        { With(new RouterSchedules { NoiseScale = new LinearSchedule { From = 1, To = -0.5, Steps = 9 } }) with { Noise = new NoiseSpec() }, "schedules.noise_scale = -0.5: must not be negative at any step" },
        { With(new RouterSchedules { K = new ConstantSchedule { Constant = 1 } }) with { Select = new AllSelection() }, "schedules.k = given: the selection (AllSelection) has no k to schedule" },
        { With(new RouterSchedules { CapacityFactor = new ConstantSchedule { Constant = 1 } }) with { Dispatch = DispatchSpec.Dropless }, "schedules.capacity_factor = given: the spec has no dispatch.capacity.factor to schedule" },
        {
            With(new RouterSchedules { K = new LinearSchedule { From = 2, To = 5, Steps = 9 } }) with { Select = new TopKSelection { K = 2, Groups = new GroupLimit { Count = 4, Keep = 2 } } },
            "schedules.k = 5: must not exceed the experts in the kept groups (2 x 2 = 4)"
        },
    };

    [Theory]
    [InlineData(0, 2.0, 8, 4.0)]
    [InlineData(1, 1.5, 7, 4.0)] // 6.5 rounds away from zero
    [InlineData(2, 1.0, 5, 1.25)]
    [InlineData(3, 0.5, 4, 1.25)] // 3.5
    [InlineData(4, 0.5, 2, 1.25)]
    [InlineData(1_000_000, 0.5, 2, 1.25)]
    public void The_spec_of_a_step_has_the_values_of_that_step(long step, double temperature, int k, double factor)
    {
        var expected = s_plain with
        {
            Score = new ScoreSpec { Temperature = temperature },
            Select = new TopKSelection { K = k },
            Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = factor } },
        };
        Assert.Equal(expected, s_scheduled.At(step));
    }

    [Fact]
    public void Without_schedules_every_step_is_the_same() => Assert.Same(s_plain, s_plain.At(5));

    [Fact]
    public void A_step_is_not_negative()
    {
        Assert.Throws<ArgumentOutOfRangeException>("step", static () => s_plain.At(-1));
        Assert.Throws<ArgumentOutOfRangeException>("step", static () => s_scheduled.At(-1));
    }

    [Theory, MemberData(nameof(Bad))]
    public void A_value_that_no_step_may_have_is_refused_at_once(RouterSpec spec, string problem)
    {
        Assert.Equal(problem, Assert.Single(spec.Validate()).ToString());
        Assert.Throws<SpecException>(() => spec.At(0));
    }

    [Fact]
    public void Stepwise_numbers_of_choices_need_not_fit_between_two_changes()
    {
        // floor(k / 2) must be 1 or 2: five choices would be refused, four and two are not.
        var groups = new GroupLimit { Count = 4, Keep = 2, Score = GroupScore.SumOfTopShare };
        var spec = s_plain with { Select = new TopKSelection { K = 2, Groups = groups }, Schedules = new RouterSchedules { K = new StepwiseSchedule { Initial = 4, Changes = [new ScheduleChange { Step = 9, Value = 2 }] } } };
        Assert.Empty(spec.Validate());
        Assert.Equal((4, 2), (spec.At(8).TopK, spec.At(9).TopK));
    }

    [Fact]
    public void Another_k_is_refused_where_k_follows_a_schedule()
    {
        Assert.Equal("schedules.k = given: k follows a schedule and would not become 3; take the schedule off first", Assert.Throws<SpecException>(static () => s_scheduled.WithTopK(3)).Message);
        Assert.Equal(3, (s_scheduled with { Schedules = new RouterSchedules { Temperature = new ConstantSchedule { Constant = 1 } } }).WithTopK(3).TopK);
    }

    [Fact]
    public void The_written_form_names_the_kind()
    {
        string json = s_scheduled.ToJson();
        Assert.Contains("""
              "schedules": {
                "temperature": {
                  "kind": "linear",
                  "from": 2,
                  "to": 0.5,
                  "start": 0,
                  "steps": 3
                },
            """.ReplaceLineEndings("\n"), json, StringComparison.Ordinal);
        Assert.Contains("\"kind\": \"stepwise\"", json, StringComparison.Ordinal);
        Assert.DoesNotContain("schedules", s_plain.ToJson(), StringComparison.Ordinal);
        Assert.DoesNotContain("\"lowest\":", json, StringComparison.Ordinal);
        Assert.Equal(s_scheduled, RouterSpec.FromJson(json.Replace("\"start\": 0,", "", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("""{"kind":"sawtooth"}""")]
    [InlineData("""{"value":1}""")]
    [InlineData("""{"kind":"constant"}""")]
    [InlineData("""{"kind":"constant","value":1,"unknown":2}""")]
    [InlineData("""{"kind":"constant","value":"1"}""")]
    [InlineData("""{"kind":"linear","from":1,"to":2}""")]
    [InlineData("""{"kind":"linear","from":1,"to":2,"steps":1.5}""")]
    [InlineData("""{"kind":"stepwise","initial":1}""")]
    [InlineData("""{"kind":"stepwise","initial":1,"changes":null}""")]
    [InlineData("""{"kind":"stepwise","initial":1,"changes":[{"step":1}]}""")]
    public void What_is_no_schedule_is_refused(string schedule)
    {
        string json = "{\"schema\":1,\"experts\":8,\"select\":{\"kind\":\"top_k\",\"k\":1},\"schedules\":{\"temperature\":" + schedule + "}}";
        Assert.Contains("Not a valid RouterSpec", Assert.Throws<InvalidDataException>(() => RouterSpec.FromJson(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_scheduled_router_comes_back_equal_and_has_a_sound_spec_at_every_step() => Gen.Select(Scheduled, Gen.Long[0, 1500]).Sample(static (spec, step) =>
    {
        Assert.Empty(spec.Validate());
        Assert.Equal(spec, RouterSpec.FromJson(spec.ToJson()));
        var at = spec.At(step);
        Assert.Null(at.Schedules);
        Assert.Empty(at.Validate());
    });

    [Fact]
    public void The_managed_gate_routes_by_the_spec_of_the_step()
    {
        float[] weight = Draw.Normal(8 * 3, 1), tokens = Draw.Normal(5 * 3, 2);
        var gate = new LinearGate(s_scheduled, weight);
        foreach (long step in (long[])[0, 2, 9])
        {
            var routing = (TopKRouting)gate.Route(new GateInput(tokens, 3) { Step = step });
            var expected = (TopKRouting)new LinearGate(s_scheduled.At(step), weight).Route(new GateInput(tokens, 3));
            Assert.Equal(s_scheduled.At(step).TopK, routing.Choices);
            Assert.Equal(expected.ExpertIds.ToArray(), routing.ExpertIds.ToArray());
            Assert.Equal(expected.Weights.ToArray(), routing.Weights.ToArray());
        }
    }

    [Fact]
    public void What_knows_no_step_refuses_a_router_with_schedules()
    {
        const string message = "schedules = given: this takes the router of one step; use RouterSpec.At(step)";
        Assert.Equal(message, Assert.Throws<SpecException>(static () => ReferenceRouter.Route(new float[8], s_scheduled)).Message);
        Assert.Equal(message, Assert.Throws<SpecException>(static () => ReferenceRouter.SelectionScores(new float[8], s_scheduled, default, new float[8])).Message);
        var spec = LayerProfiles.Mixtral(2, 3, 8) with { Router = s_scheduled };
        var layer = new ReferenceLayer(spec, Zeros(spec));
        Assert.Contains(message, Assert.Throws<SpecException>(() => layer.Route(new float[2])).Message, StringComparison.Ordinal);
        Assert.Contains(message, Assert.Throws<SpecException>(() => layer.Forward(new float[2], new float[2])).Message, StringComparison.Ordinal);
        Assert.Equal(2, ((TopKRouting)layer.Route(new GateInput(new float[2], 2) { Step = 4 })).Choices);
    }

    private static Gen<RouterSpec> Scheduled =>
        from spec in RandomSpecs.Router
        from temperature in RandomSchedules.Within(0.1, 10)
        from k in RandomSchedules.Within(1, spec.Experts)
        from factor in RandomSchedules.Within(0, 4)
        select spec with
        {
            Schedules = new RouterSchedules
            {
                Temperature = temperature,
                K = spec.Select is TopKSelection { Groups: null } ? k : null,
                CapacityFactor = spec.Dispatch.Capacity?.Factor is null ? null : factor,
            },
        };

    private static RouterSpec With(RouterSchedules schedules) => s_plain with { Schedules = schedules };

    private static WeightDictionary Zeros(MoELayerSpec spec)
    {
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, new float[shape.Aggregate(1, static (a, b) => a * b)], shape);
        return weights;
    }

    [Fact]
    public void Noise_fades_out()
    {
        var spec = s_plain with { Noise = new NoiseSpec(), Schedules = new RouterSchedules { NoiseScale = new LinearSchedule { From = 2, To = 0, Steps = 10 } } };
        Assert.Equal(2, spec.At(0).Noise!.Scale);
        Assert.Equal(1, spec.At(5).Noise!.Scale);
        Assert.Equal(0, spec.At(99).Noise!.Scale);
        Assert.Null(spec.At(5).Schedules);
        Assert.Equal(spec, RouterSpec.FromJson(spec.ToJson()));
        // The last step routes as a router without noise.
        float[] logits = Draw.Normal(6 * spec.Experts, 1);
        var options = new RouteOptions { Noise = new SeededNoise(1), Training = true };
        Assert.Equal(ReferenceRouter.Route(logits, s_plain).ExpertIds.ToArray(), ReferenceRouter.Route(logits, spec.At(10), options).ExpertIds.ToArray());
        Assert.NotEqual(ReferenceRouter.Route(logits, s_plain).Weights.ToArray(), ReferenceRouter.Route(logits, spec.At(0), options).Weights.ToArray());
    }
}
