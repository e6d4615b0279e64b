namespace MoE;

/// <summary>
/// What of a <see cref="RouterSpec"/> follows the training step. A scheduled value takes the place of the spec's own; <see cref="RouterSpec.At"/> gives the spec of one step.
/// Exports and engines that serve one step refuse a spec that still has schedules.
/// </summary>
public sealed record RouterSchedules
{
    /// <summary><see cref="ScoreSpec.Temperature"/>; positive at every step.</summary>
    public ScheduleSpec? Temperature { get; init; }

    /// <summary><see cref="TopKSelection.K"/>, rounded to the nearest; every value it takes fits the selection.</summary>
    public ScheduleSpec? K { get; init; }

    /// <summary><see cref="CapacitySpec.Factor"/> of a spec whose capacity has a factor; not negative at any step.</summary>
    public ScheduleSpec? CapacityFactor { get; init; }

    /// <summary><see cref="NoiseSpec.Scale"/> of a spec with noise; not negative at any step. Falling to 0 is the usual course: explore first.</summary>
    public ScheduleSpec? NoiseScale { get; init; }

    internal RouterSpec Apply(RouterSpec spec, long step)
    {
        spec = spec with { Schedules = null };
        if (Temperature is not null) spec = spec with { Score = spec.Score with { Temperature = Temperature.At(step) } };
        if (K is not null && spec.Select is TopKSelection select) spec = spec with { Select = select with { K = ScheduleSpec.Whole(K.At(step)) } };
        if (CapacityFactor is not null && spec.Dispatch.Capacity is { } capacity)
            spec = spec with { Dispatch = spec.Dispatch with { Capacity = capacity with { Factor = CapacityFactor.At(step) } } };
        if (NoiseScale is not null && spec.Noise is { } noise) spec = spec with { Noise = noise with { Scale = NoiseScale.At(step) } };
        return spec;
    }

    internal void Check(SpecProblems problems, string path, RouterSpec spec)
    {
        if (IsSound(Temperature, problems, $"{path}.temperature"))
            problems.Require(Temperature!.Lowest > 0, $"{path}.temperature", Temperature.Lowest, "must be positive at every step");
        if (IsSound(K, problems, $"{path}.k")) CheckChoices(problems, $"{path}.k", spec);
        if (IsSound(CapacityFactor, problems, $"{path}.capacity_factor"))
        {
            problems.Require(CapacityFactor!.Lowest >= 0, $"{path}.capacity_factor", CapacityFactor.Lowest, "must not be negative at any step");
            problems.Require(spec.Dispatch?.Capacity?.Factor is not null, $"{path}.capacity_factor", "given", "the spec has no dispatch.capacity.factor to schedule");
        }

        if (IsSound(NoiseScale, problems, $"{path}.noise_scale"))
        {
            problems.Require(NoiseScale!.Lowest >= 0, $"{path}.noise_scale", NoiseScale.Lowest, "must not be negative at any step");
            problems.Require(spec.Noise is not null, $"{path}.noise_scale", "given", "the spec has no noise to schedule");
        }
    }

    private static bool IsSound(ScheduleSpec? schedule, SpecProblems problems, string path)
    {
        if (schedule is null) return false;
        int before = problems.Found.Count;
        schedule.Check(problems, path);
        return problems.Found.Count == before;
    }

    private void CheckChoices(SpecProblems problems, string path, RouterSpec spec)
    {
        if (spec.Select is not TopKSelection select)
        {
            problems.Require(false, path, "given", $"the selection ({spec.Select?.GetType().Name ?? "null"}) has no k to schedule");
            return;
        }

        // Each k by the selection's own rules: those of groups are not the same for every k between two good ones.
        foreach (int k in K!.WholeValues())
        {
            var found = new SpecProblems();
            (select with { K = k }).Check(found, "select", spec.Experts);
            if (found.Found.Count == 0) continue;
            problems.Require(false, path, k, found.Found[0].Rule);
            return;
        }
    }
}
