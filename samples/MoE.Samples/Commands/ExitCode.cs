namespace MoE.Samples.Commands;

/// <summary>What the program returns.</summary>
public static class ExitCode
{
    /// <summary>It ran.</summary>
    public const int Ran = 0;

    /// <summary>A claim marked exact failed, or could not be looked at because of a mistake in a sample.</summary>
    public const int ExactClaimFailed = 1;

    /// <summary>The command line, or a file it names, cannot be used.</summary>
    public const int Usage = 2;

    /// <summary>Stopped before its end.</summary>
    public const int Cancelled = 3;
}
