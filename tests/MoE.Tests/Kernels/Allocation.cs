namespace MoE.Tests.Kernels;

/// <summary>What a call allocates in steady state.</summary>
internal static class Allocation
{
    /// <summary>The least that ten calls allocate on this thread, over some attempts: the runtime itself allocates now and then, while it recompiles what runs often.</summary>
    public static long OfTenCalls(Action call)
    {
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20 && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++) call();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
