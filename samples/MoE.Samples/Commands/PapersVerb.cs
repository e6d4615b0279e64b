using System.CommandLine;
using MoE.Samples.Frame;
using MoE.Samples.Reports;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>papers</c>: results of papers as a Markdown page.</summary>
internal sealed class PapersVerb(IAnsiConsole console, TextWriter error, IReadOnlyList<Reproduction> samples)
{
    /// <summary>The verb.</summary>
    public Command Command()
    {
        var files = new Argument<string[]>("RESULTS") { Description = "Files that run --json wrote; of a sample and scale the last counts.", Arity = ArgumentArity.OneOrMore };
        var to = new Option<string?>("--out") { Description = "The page; otherwise it is printed.", HelpName = "FILE" };
        var command = new Command("papers", "Writes a page about papers from results.") { files, to };
        command.SetAction(parsed => Write(parsed.GetRequiredValue(files), parsed.GetValue(to)));
        return command;
    }

    private int Write(IReadOnlyList<string> files, string? to)
    {
        var results = new List<StoredResult>();
        var problems = new List<string>();
        foreach (string file in files)
        {
            try
            {
                var read = StoredResult.Read(File.ReadAllBytes(file));
                problems.AddRange(read.Where(static r => r.Ablated is not null).Select(r => $"{file}: {r.Id} was run without {r.Ablated}; the page is about whole runs"));
                results.AddRange(read);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                problems.Add($"{file}: {e.Message}");
            }
        }

        if (problems.Count > 0) return Refuse(string.Join('\n', problems));
        string page = PapersDocument.Of(results, samples);
        if (to is null)
        {
            console.Profile.Out.Writer.Write(page);
            return ExitCode.Ran;
        }

        try
        {
            AtomicFile.Write(to, page);
            return ExitCode.Ran;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Refuse($"--out {to}: cannot be written: {e.Message}");
        }
    }

    private int Refuse(string message)
    {
        error.WriteLine(message);
        return ExitCode.Usage;
    }
}
