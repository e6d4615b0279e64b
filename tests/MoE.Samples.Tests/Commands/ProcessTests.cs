using System.Diagnostics;
using System.Text.Json;
using MoE.Samples.Commands;

namespace MoE.Samples.Tests.Commands;

/// <summary>The program as a process of its own, its output caught in a pipe.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task A_pipe_gets_plain_lines()
    {
        using var process = Start("list");
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.Ran, process.ExitCode);
        Assert.Contains("quickstart", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }

    [SkippableFact]
    public async Task An_interrupt_returns_3_and_keeps_finished_seeds()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has no way to send one process an interrupt");
        using var folder = new TemporaryFolder();
        string json = Path.Combine(folder.Path, "result.json");
        using var process = Start("--json", json, "--out", folder.Path);
        string? line = await process.StandardOutput.ReadLineAsync();
        Assert.StartsWith("seed 1001: mixture", line, StringComparison.Ordinal);
        using (var kill = Process.Start("kill", [IgnoresInterrupts(process) ? "-TERM" : "-INT", $"{process.Id}"])) await kill.WaitForExitAsync();
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(ExitCode.Cancelled, process.ExitCode);
        Assert.Contains("Cancelled", rest, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', rest);
        var result = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
        ResultSchema.Check(result);
        Assert.InRange(result.GetProperty("seeds").GetArrayLength(), 1, 5);
        Assert.True(File.Exists(Path.Combine(folder.Path, "quickstart", "report.html")));
    }

    // A shell that starts a job in the background has it ignore interrupts, and every child inherits that. The program treats both signals alike.
    private static bool IgnoresInterrupts(Process process)
    {
        string status = $"/proc/{process.Id}/status";
        if (!File.Exists(status)) return false;
        string ignored = File.ReadLines(status).First(static line => line.StartsWith("SigIgn:", StringComparison.Ordinal));
        const int Interrupt = 2;
        return (Convert.ToUInt64(ignored.Split('\t')[^1], 16) >> (Interrupt - 1) & 1) != 0;
    }

    private static Process Start(params string[] args)
    {
        // Under the test host the process is dotnet itself.
        string dotnet = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        string program = typeof(SampleProgram).Assembly.Location;
        return Process.Start(new ProcessStartInfo(dotnet, ["exec", program, .. args]) { RedirectStandardOutput = true, RedirectStandardError = false, StandardOutputEncoding = System.Text.Encoding.UTF8 })!;
    }
}
