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
        long[] ids = HostReads.Int64(routing.ExpertIds);
        bool[]? kept = routing.Kept is null ? null : HostReads.Bool(routing.Kept);
        int experts = routing.ExpertCount, choices = Math.Max(1, (int)routing.Choices);
        int[] offsets = new int[experts + 1], next = new int[experts];
        for (int r = 0; r < ids.Length; r++)
        {
            if (ids[r] >= 0 && (kept is null || kept[r])) offsets[ids[r] + 1]++;
        }

        for (int e = 0; e < experts; e++) offsets[e + 1] += offsets[e];
        offsets.AsSpan(0, experts).CopyTo(next);
        int[] routes = new int[offsets[experts]], tokens = new int[routes.Length];
        for (int r = 0; r < ids.Length; r++)
        {
            if (ids[r] < 0 || (kept is not null && !kept[r])) continue;
            int at = next[ids[r]]++;
            (routes[at], tokens[at]) = (r, r / choices);
        }

        return new HostRoutes(offsets, routes, tokens);
    }
}
