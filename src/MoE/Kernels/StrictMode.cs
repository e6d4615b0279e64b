namespace MoE;

/// <summary>The environment variable MOE_STRICT=1: where a slower path would silently stand in, an exception says so.</summary>
internal static class StrictMode
{
    private static bool On { get; } = Environment.GetEnvironmentVariable("MOE_STRICT") == "1";

    /// <summary>Throws in strict mode.</summary>
    /// <param name="what">What is not run by the fast path, with the rule.</param>
    /// <exception cref="NotSupportedException">MOE_STRICT is 1.</exception>
    public static void FallingBack(string what)
    {
        if (On) throw new NotSupportedException($"MOE_STRICT=1: {what}");
    }
}
