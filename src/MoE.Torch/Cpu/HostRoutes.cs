using TorchSharp;

namespace MoE.Torch;

/// <summary>The routes that are carried out, by expert and within an expert in their own order, in host memory.</summary>
internal sealed class HostRoutes
{
    private HostRoutes(int[] offsets, int[] routes, int[] tokens) => (Offsets, Routes, Tokens) = (offsets, routes, tokens);

    /// <summary>[E + 1].</summary>
    public int[] Offsets { get; }

    /// <summary>[R]: route numbers, t K + j.</summary>
    public int[] Routes { get; }

    /// <summary>[R]: the token of each.</summary>
    public int[] Tokens { get; }

    /// <summary>Experts with routes.</summary>
    public int Busy
    {
        get
        {
            int busy = 0;
            for (int e = 0; e + 1 < Offsets.Length; e++) busy += Offsets[e + 1] > Offsets[e] ? 1 : 0;
            return busy;
        }
    }

    /// <summary>Rows that are sorted already: the row is the token.</summary>
    public static HostRoutes Of(ExpertSegments segments)
    {
        int[] offsets = new int[segments.Experts + 1];
        for (int e = 0; e < segments.Experts; e++) offsets[e + 1] = checked((int)(segments.Offset(e) + segments.Count(e)));
        return new HostRoutes(offsets, [], []);
    }

    public static HostRoutes Of(RoutingTensors routing)
    {
        int[] ids = Array.ConvertAll(HostReads.Int64(routing.ExpertIds), static id => (int)id);
        if (routing.Kept is not null)
        {
            bool[] kept = HostReads.Bool(routing.Kept);
            for (int r = 0; r < ids.Length; r++) ids[r] = kept[r] ? ids[r] : -1;
        }

        var plan = ExpertPlan.Dropless(ids, routing.ExpertCount);
        int choices = Math.Max(1, (int)routing.Choices);
        int[] routes = plan.Permutation.ToArray();
        return new HostRoutes(plan.Offsets.ToArray(), routes, Array.ConvertAll(routes, r => r / choices));
    }
}
