using CsCheck;

namespace MoE.Tests.Schedules;

/// <summary>Random valid schedules with values in a range.</summary>
internal static class RandomSchedules
{
    public static Gen<ScheduleSpec> Within(double low, double high) => Gen.OneOf(
        Gen.Double[low, high].Select(ScheduleSpec (v) => new ConstantSchedule { Constant = v }),
        Ramp(low, high).Select(RampSchedule (r) => r),
        Stepwise(low, high).Select(ScheduleSpec (s) => s));

    public static Gen<RampSchedule> Ramp(double low, double high) =>
        from kind in Gen.Int[0, 2]
        from ends in Gen.Select(Gen.Double[low, high], Gen.Double[low, high])
        from start in Gen.Long[0, 100]
        from steps in Gen.Long[1, 1000]
        select Make(kind, ends.Item1, ends.Item2, start, steps);

    private static RampSchedule Make(int kind, double from, double to, long start, long steps) => kind switch
    {
        0 => new LinearSchedule { From = from, To = to, Start = start, Steps = steps },
        1 when from > 0 && to > 0 => new ExponentialSchedule { From = from, To = to, Start = start, Steps = steps },
        _ => new CosineSchedule { From = from, To = to, Start = start, Steps = steps },
    };

    private static Gen<StepwiseSchedule> Stepwise(double low, double high) =>
        from initial in Gen.Double[low, high]
        from changes in Gen.Select(Gen.Long[1, 50], Gen.Double[low, high]).Array[0, 5]
        select new StepwiseSchedule { Initial = initial, Changes = [.. changes.Select((c, i) => new ScheduleChange { Step = 50 * i + c.Item1, Value = c.Item2 })] };
}
