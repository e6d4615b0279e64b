using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MoE.Benchmarks;

/// <summary>
/// The OpenMP threads of libtorch spin while they wait, on the cores that the next contender needs. They read how to wait from the environment when the process starts,
/// so the program starts itself again where the environment does not say so.
/// </summary>
internal static partial class PassiveWait
{
    public const string Name = "OMP_WAIT_POLICY";
    public const string Value = "passive";

    private const int SigTerm = 15;

    /// <summary>True in a process that was started rightly.</summary>
    public static bool IsSet => string.Equals(Environment.GetEnvironmentVariable(Name), Value, StringComparison.OrdinalIgnoreCase);

    /// <summary>Runs this program with the same arguments in a rightly started process, on the same terminal, and returns its exit code.</summary>
    public static int RunChild(IEnumerable<string> args)
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException($"The path of this program is unknown; set {Name}={Value} before starting it.");
        var start = new ProcessStartInfo(program) { UseShellExecute = false };
        // Started as "dotnet program.dll": the host needs the assembly again.
        if (Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase)) start.ArgumentList.Add(typeof(PassiveWait).Assembly.Location);
        foreach (string arg in args) start.ArgumentList.Add(arg);
        start.Environment[Name] = Value;
        using var child = Process.Start(start)!;
        // Ctrl+C reaches the child by itself, which ends in order; this process only waits for it. A request to end comes here alone.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            if (OperatingSystem.IsWindows()) child.Kill();
            else _ = Kill(child.Id, SigTerm);
        });
        child.WaitForExit();
        return child.ExitCode;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
