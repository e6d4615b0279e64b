using CsCheck;

namespace MoE.Tests.Schedules;

/// <summary>Schedules in closed form: ends, middles, monotone ramps, and what is refused.</summary>
public sealed class ScheduleSpecTests
{
    public static TheoryData<ScheduleSpec, long, double> Known => new()
    {
        { new ConstantSchedule { Constant = 0.3 }, long.MaxValue, 0.3 },
        { new LinearSchedule { From = 2, To = 0.5, Start = 10, Steps = 6 }, 0, 2 },
        { new LinearSchedule { From = 2, To = 0.5, Start = 10, Steps = 6 }, 10, 2 },
        { new LinearSchedule { From = 2, To = 0.5, Start = 10, Steps = 6 }, 12, 1.5 },
        { new LinearSchedule { From = 2, To = 0.5, Start = 10, Steps = 6 }, 16, 0.5 },
        { new LinearSchedule { From = 2, To = 0.5, Start = 10, Steps = 6 }, long.MaxValue, 0.5 },
        { new LinearSchedule { From = 0, To = 1, Start = long.MaxValue - 1, Steps = long.MaxValue }, long.MaxValue, 1.0 / long.MaxValue },
        { new ExponentialSchedule { From = 8, To = 0.5, Steps = 4 }, 1, 4 },
        { new ExponentialSchedule { From = 8, To = 0.5, Steps = 4 }, 3, 1 },
        { new ExponentialSchedule { From = -1, To = -4, Steps = 2 }, 1, -2 },
        { new CosineSchedule { From = 3, To = 1, Steps = 6 }, 2, 2.5 },
        { new CosineSchedule { From = 3, To = 1, Steps = 6 }, 3, 2 },
        { new CosineSchedule { From = 3, To = 1, Steps = 6 }, 6, 1 },
        { Steps(8, (3, 4), (5, 2)), 0, 8 },
        { Steps(8, (3, 4), (5, 2)), 2, 8 },
        { Steps(8, (3, 4), (5, 2)), 3, 4 },
        { Steps(8, (3, 4), (5, 2)), 4, 4 },
        { Steps(8, (3, 4), (5, 2)), 5, 2 },
        { Steps(8, (3, 4), (5, 2)), 1000, 2 },
        { Steps(8), 7, 8 },
    };

    public static TheoryData<ScheduleSpec, string> Bad => new()
    {
        { new ConstantSchedule { Constant = double.NaN }, "schedule.value = NaN: must be finite" },
        { new LinearSchedule { From = double.NegativeInfinity, To = 1, Steps = 1 }, "schedule.from = -Infinity: must be finite" },
        { new LinearSchedule { From = 0, To = double.NaN, Steps = 1 }, "schedule.to = NaN: must be finite" },
        { new LinearSchedule { From = double.MaxValue, To = double.MinValue, Steps = 1 }, "schedule.to = -1.7976931348623157E+308: must be a finite distance from from (1.7976931348623157E+308)" },
        { new CosineSchedule { From = 0, To = 1, Steps = 0 }, "schedule.steps = 0: must be positive" },
        { new CosineSchedule { From = 0, To = 1, Steps = 1, Start = -1 }, "schedule.start = -1: must not be negative" },
        { new ExponentialSchedule { From = 0, To = 1, Steps = 1 }, "schedule.from = 0: must not be zero" },
        { new ExponentialSchedule { From = 1, To = -1, Steps = 1 }, "schedule.to = -1: must be a positive, finite multiple of from (1)" },
        { new ExponentialSchedule { From = 1, To = 0, Steps = 1 }, "schedule.to = 0: must be a positive, finite multiple of from (1)" },
        { new ExponentialSchedule { From = 1e-300, To = 1e300, Steps = 1 }, "schedule.to = 1E+300: must be a positive, finite multiple of from (1E-300)" },
        { Steps(double.NaN), "schedule.initial = NaN: must be finite" },
        { Steps(1, (0, 2)), "schedule.changes[0].step = 0: must be above the step before (0)" },
        { Steps(1, (5, 2), (5, 3)), "schedule.changes[1].step = 5: must be above the step before (5)" },
        { Steps(1, (5, double.PositiveInfinity)), "schedule.changes[0].value = Infinity: must be finite" },
        { new StepwiseSchedule { Initial = 1, Changes = [null!] }, "schedule.changes[0] = null: must be given" },
    };

    [Theory, MemberData(nameof(Known))]
    public void Values_are_those_of_the_formula(ScheduleSpec schedule, long step, double expected) =>
        Assert.Equal(expected, schedule.Checked().At(step), 1e-12);

    [Theory, MemberData(nameof(Bad))]
    public void What_is_no_schedule_is_refused_with_name_value_and_rule(ScheduleSpec schedule, string problem) =>
        Assert.Equal(problem, Assert.Single(schedule.Validate()).ToString());

    [Fact]
    public void A_step_is_not_negative() => Assert.Throws<ArgumentOutOfRangeException>("step", static () => Steps(1).At(-1));

    [Fact]
    public void A_ramp_begins_and_ends_exactly_and_never_turns_back() => RandomSchedules.Ramp(-5, 5).Sample(static ramp =>
    {
        ramp.Checked();
        Assert.Equal(ramp.From, ramp.At(ramp.Start));
        Assert.Equal(ramp.To, ramp.At(ramp.Start + ramp.Steps));
        double last = ramp.From, slack = 1e-14 * (Math.Abs(ramp.From) + Math.Abs(ramp.To));
        for (long step = ramp.Start; step <= ramp.Start + ramp.Steps; step += 1 + ramp.Steps / 50)
        {
            double value = ramp.At(step);
            Assert.True(ramp.To >= ramp.From ? value >= last - slack : value <= last + slack);
            last = value;
        }
    });

    [Fact]
    public void Values_stay_between_the_lowest_and_the_highest() => Gen.Select(RandomSchedules.Within(-3, 7), Gen.Long[0, 2000]).Sample(static (schedule, step) =>
    {
        Assert.InRange(schedule.At(step), schedule.Lowest, schedule.Highest);
        Assert.Contains(ScheduleSpec.Whole(schedule.At(step)), schedule.WholeValues());
    });

    [Fact]
    public void Equal_changes_make_equal_schedules()
    {
        var changes = new List<ScheduleChange> { new() { Step = 3, Value = 4 } };
        var kept = new StepwiseSchedule { Initial = 8, Changes = changes };
        changes.Clear();
        Assert.Equal(Steps(8, (3, 4)), kept);
        Assert.Equal(Steps(8, (3, 4)).GetHashCode(), kept.GetHashCode());
        Assert.NotEqual(Steps(8, (3, 5)), kept);
        Assert.NotEqual(Steps(7, (3, 4)), kept);
        Assert.NotEqual(Steps(8), kept);
        Assert.Throws<ArgumentNullException>(static () => new StepwiseSchedule { Initial = 1, Changes = null! });
    }

    private static StepwiseSchedule Steps(double initial, params (long Step, double Value)[] changes) =>
        new() { Initial = initial, Changes = [.. changes.Select(static c => new ScheduleChange { Step = c.Step, Value = c.Value })] };
}
