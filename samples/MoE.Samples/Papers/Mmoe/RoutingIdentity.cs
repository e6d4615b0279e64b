using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe;

/// <summary>Which experts a task of CGC and PLE can see: other tasks' experts are zeroed, and the bits of the task's output compared.</summary>
public static class RoutingIdentity
{
    private const int Width = 12, Units = 6, Rows = 40;

    /// <summary>Bits of a task's output that change.</summary>
    /// <param name="Cgc">With one level: must be none.</param>
    /// <param name="Ple">With two levels: must be some, by the shared path.</param>
    /// <param name="PleWithoutSharedPath">With two levels whose shared gate gives the other task's experts no weight: must be none.</param>
    public readonly record struct Changes(int Cgc, int Ple, int PleWithoutSharedPath);

    /// <summary>Looks for both tasks and adds up.</summary>
    public static Changes Count(long seed)
    {
        int cgc = 0, ple = int.MaxValue, cut = 0;
        for (int task = 0; task < TaskModel.Tasks; task++)
        {
            cgc += Changed(seed, task, levels: 1, cutsSharedPath: false);
            // Of both tasks the one that changes less.
            ple = Math.Min(ple, Changed(seed, task, levels: 2, cutsSharedPath: false));
            cut += Changed(seed, task, levels: 2, cutsSharedPath: true);
        }

        return new(cgc, ple, cut);
    }

    private static int Changed(long seed, int task, int levels, bool cutsSharedPath)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        manual_seed(seed);
        int other = 1 - task;
        var lower = new Parts(Width, passes: levels == 2);
        if (cutsSharedPath) lower.CutShared(other);
        var upper = levels == 2 ? new Parts(Units, passes: false) : null;
        using var model = new ProgressiveLayeredExtraction(upper is null ? [lower.Level] : [lower.Level, upper.Level]);
        var x = randn(Rows, Width);
        byte[] before = model.extract(x).Tasks[task].contiguous().bytes.ToArray();
        foreach (var expert in lower.Own[other].Concat(upper?.Own[other] ?? []))
        {
            expert.weight.zero_();
            expert.bias!.zero_();
        }

        byte[] after = model.extract(x).Tasks[task].contiguous().bytes.ToArray();
        return before.Zip(after, static (a, b) => System.Numerics.BitOperations.PopCount((uint)(a ^ b))).Sum();
    }

    // A level with its parts at hand: two experts per task, two shared ones.
    private sealed class Parts
    {
        private readonly Linear? _shared;

        public Parts(int width, bool passes)
        {
            Own = [.. Enumerable.Range(0, TaskModel.Tasks).Select(_ => new[] { nn.Linear(width, Units), nn.Linear(width, Units) })];
            // The bias is what cutting uses; it is zero otherwise.
            _shared = passes ? nn.Linear(width, 6) : null;
            _shared?.bias!.zero_();
            Level = new CustomizedGateControl([nn.Linear(width, Units), nn.Linear(width, Units)], Own, [nn.Linear(width, 4), nn.Linear(width, 4)], _shared, sharedFirst: false);
        }

        public Linear[][] Own { get; }

        public CustomizedGateControl Level { get; }

        // The shared gate counts the tasks' experts in order, then the shared ones.
        public void CutShared(int task)
        {
            for (int e = 0; e < 2; e++) _shared!.bias![2 * task + e] = tensor(float.NegativeInfinity);
        }
    }
}
