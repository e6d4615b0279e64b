using System.CommandLine;
using MoE.Samples.Frame;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary>The command line: no verb runs the quickstart.</summary>
/// <param name="console">Where results go.</param>
/// <param name="error">Where refusals go.</param>
/// <param name="samples">What can be run; the first is what runs without a verb.</param>
public sealed class SampleProgram(IAnsiConsole console, TextWriter error, IReadOnlyList<Reproduction> samples)
{
    /// <summary>Parses and runs.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public int Run(IReadOnlyList<string> args, CancellationToken cancellation)
    {
        var runner = new RunVerb(console, error, samples, cancellation);
        var root = new RootCommand("Mixture-of-experts samples. Without a verb: the quickstart, a mixture of experts on real handwriting.")
        {
            runner.Command(),
            new ListVerb(console, samples).Command(),
            new DataVerb(console, error, cancellation).Command(),
            new PapersVerb(console, error, samples).Command(),
            new ServeVerb(console, error, cancellation).Command(),
            new InspectVerb(console, error, cancellation).Command(),
        };
        runner.RunWithoutVerb(root);

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var problem in parsed.Errors) error.WriteLine(problem.Message);
            error.WriteLine("Use --help to see what there is.");
            return ExitCode.Usage;
        }

        return parsed.Invoke(new InvocationConfiguration { Output = console.Profile.Out.Writer, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }
}
