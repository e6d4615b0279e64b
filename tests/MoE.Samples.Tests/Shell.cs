using MoE.Samples.Commands;
using MoE.Samples.Frame;
using Spectre.Console;

namespace MoE.Samples.Tests;

/// <summary>The program in this process, with everything it prints caught.</summary>
internal static class Shell
{
    public sealed record Outcome(int ExitCode, string Output, string Error);

    public static Outcome Run(IReadOnlyList<Reproduction> samples, CancellationToken cancellation, params string[] args)
    {
        StringWriter output = new(), error = new();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 100;
        return new(new SampleProgram(console, error, samples).Run(args, cancellation), output.ToString(), error.ToString());
    }

    public static Outcome Run(IReadOnlyList<Reproduction> samples, params string[] args) => Run(samples, default, args);

    public static Outcome Run(params string[] args) => Run(Catalogue.All, args);
}
