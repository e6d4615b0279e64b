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
        return Read<long>(tensor);
    }

    /// <summary>The values of a floating tensor as single precision.</summary>
    public static float[] Single(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return Read<float>(tensor.detach().to(ScalarType.Float32));
    }

    /// <summary>The values of a boolean tensor.</summary>
    public static bool[] Bool(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return Read<bool>(tensor);
    }

    /// <summary>The value of a tensor of one.</summary>
    public static double Scalar(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float64).item<double>();
    }

    /// <summary>The sum of counts.</summary>
    public static long Count(Tensor counts_E)
    {
        using var scope = NewDisposeScope();
        return counts_E.sum().item<long>();
    }

    /// <summary>Routes of the longest queue.</summary>
    public static int Longest(Tensor experts_TK, int experts)
    {
        using var scope = NewDisposeScope();
        var load_E = experts_TK.flatten().add(1).bincount(null, experts + 1).narrow(0, 1, experts);
        return checked((int)load_E.max().item<long>());
    }

    public static TopKRouting Snapshot(RoutingTensors routing)
    {
        int tokens = checked((int)routing.TokenCount), k = checked((int)routing.Choices);
        int[] ids = Array.ConvertAll(Int64(routing.ExpertIds), static id => (int)id);
        float[] weights = Single(routing.Weights);
        float[]? scores = routing.Scores is null ? null : Single(routing.Scores);
        var plan = routing.Capacity is null
            ? ExpertPlan.Dropless(ids, routing.ExpertCount)
            : ExpertPlan.FromKept(ids, k, routing.ExpertCount, Bool(routing.Kept!), Array.ConvertAll(Int64(routing.Positions!), static p => (int)p), routing.Capacity!.Value, tokens == 0 || routing.Spec is null ? 1 : checked((int)(tokens / Dispatching.SequenceOf(tokens, routing.Spec.Dispatch, routing.SequenceLength))));
        return new TopKRouting(tokens, routing.ExpertCount, k, ids, weights, plan, scores);
    }

    // The accessor of an empty tensor refuses to give an empty array.
    private static T[] Read<T>(Tensor tensor) where T : unmanaged =>
        tensor.numel() == 0 ? [] : tensor.cpu().contiguous().data<T>().ToArray();
}
