using System.Diagnostics;
using MoE.Torch.Native;
using TorchSharp;

namespace MoE.Torch.Tests;

/// <summary>The test assembly run as a program of its own, for facts about a fresh process.</summary>
internal static class ChildProcess
{
    internal sealed record Result(int ExitCode, string Output, string Error);

    public static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["seed"]:
                torch.manual_seed(1);
                Console.WriteLine(torch.ones(2, 3).sum().item<float>());
                return 0;
            case ["place", var content, var folder] when OperatingSystem.IsLinux():
                Console.WriteLine(new PatchedCopy(File.ReadAllBytes(content), "libx.so").Place(folder));
                return 0;
            case ["load", var folder] when OperatingSystem.IsLinux():
                try
                {
                    new TorchNatives([folder]).Load();
                    return 0;
                }
                catch (DllNotFoundException e)
                {
                    Console.WriteLine(e.Message);
                    return 1;
                }
            default:
                return 2;
        }
    }

    public static Task<Result> Run(params string[] arguments) => RunIn(AppContext.BaseDirectory, [], arguments);

    /// <summary>Runs the copy of the test assembly in a folder, with some environment variables set.</summary>
    public static async Task<Result> RunIn(string folder, Dictionary<string, string> environment, params string[] arguments)
    {
        // Under the test host the process is dotnet itself.
        string dotnet = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        string assembly = Path.Combine(folder, Path.GetFileName(typeof(ChildProcess).Assembly.Location));
        var start = new ProcessStartInfo(dotnet, ["exec", assembly, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, await output, await error);
    }
}
