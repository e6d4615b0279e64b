using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The only place where tensor data comes to the host. Each call waits for the device.</summary>
internal static class HostReads
{
    /// <summary>The values of an int64 tensor.</summary>
    public static long[] Int64(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.cpu().contiguous().data<long>().ToArray();
    }

    /// <summary>The values of a floating tensor as single precision.</summary>
    public static float[] Single(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }

    public static TopKRouting Snapshot(RoutingTensors routing)
    {
        int tokens = checked((int)routing.TokenCount), k = checked((int)routing.Choices);
        int[] ids = Array.ConvertAll(Int64(routing.ExpertIds), static id => (int)id);
        float[] weights = Single(routing.Weights);
        float[]? scores = routing.Scores is null ? null : Single(routing.Scores);
        var dispatch = routing.Spec?.Dispatch ?? DispatchSpec.Dropless;
        var plan = dispatch.Capacity is null
            ? ExpertPlan.Dropless(ids, routing.ExpertCount)
            : ExpertPlan.FromKept(ids, k, routing.ExpertCount, Kept(routing), Array.ConvertAll(Int64(routing.Positions!), static p => (int)p), routing.Capacity!.Value);
        return new TopKRouting(tokens, routing.ExpertCount, k, ids, weights, plan, scores);
    }

    private static bool[] Kept(RoutingTensors routing)
    {
        using var scope = NewDisposeScope();
        return routing.Kept!.cpu().contiguous().data<bool>().ToArray();
    }
}
