using System.CommandLine;
using System.Globalization;
using MoE.Onnx;
using MoE.Samples.Data;
using MoE.Samples.Digits;
using MoE.Samples.Frame;
using MoE.Samples.Serving;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>serve</c>: a trained layer, exported in every form and served.</summary>
internal sealed class ServeVerb(IAnsiConsole console, TextWriter error, CancellationToken cancellation)
{
    private readonly Option<string> _out = new("--out") { Description = "Folder of the models.", HelpName = "FOLDER", DefaultValueFactory = static _ => Path.Combine("artifacts", "serve") };
    private readonly Option<int> _seed = Number("--seed", 1, 0, int.MaxValue, "Changes split, initial weights and order.");
    private readonly Option<int> _epochs = Number("--epochs", 10, 1, 1000, "Passes over the training images.");
    private readonly Option<int> _calls = Number("--calls", 2000, 100, 1_000_000, "Calls that each caller times.");
    private readonly Option<int> _opset = Number("--opset", OnnxOpset.Newest, OnnxOpset.Oldest, OnnxOpset.Newest, "Version of the standard operators.");
    private readonly Option<string?> _data = new("--data") { Description = "Folder of the data sets; otherwise MOE_DATA, otherwise the user's cache.", HelpName = "FOLDER" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Also every export's report." };

    /// <summary>The verb.</summary>
    public Command Command()
    {
        var command = new Command("serve", "Trains the quickstart's layer, exports it as ONNX in every form, serves each, and prints equality and times.") { _out, _seed, _epochs, _calls, _opset, _data, _verbose };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var run = new ServeRun { Folder = parsed.GetRequiredValue(_out), Seed = parsed.GetValue(_seed), Epochs = parsed.GetValue(_epochs), Calls = parsed.GetValue(_calls), Opset = parsed.GetValue(_opset) };
        IReadOnlyList<ServedRow> rows = [];
        var said = new List<string>();
        try
        {
            RunProgress.Show(console, "training", progress => rows = run.Run(DigitImages.Load(new DataFolders(parsed.GetValue(_data))), said.Add, progress, cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            error.WriteLine("serve: stopped");
            return ExitCode.Cancelled;
        }
        catch (OnnxVerificationException e)
        {
            error.WriteLine(e.Message);
            return ExitCode.ExactClaimFailed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or DllNotFoundException or NotSupportedException)
        {
            error.WriteLine($"serve: {e.Message}");
            return ExitCode.Usage;
        }

        foreach (string text in parsed.GetValue(_verbose) ? said : said.Take(1)) console.Profile.Out.Writer.WriteLine(text);
        Print(rows);
        console.Profile.Out.Writer.WriteLine($"Models: {Path.GetFullPath(run.Folder)}");
        var wrong = rows.Where(static r => !r.Holds).ToList();
        foreach (var row in wrong) error.WriteLine($"{row.Name}:\n{row.Against!.ToText()}");
        return wrong.Count == 0 ? ExitCode.Ran : ExitCode.ExactClaimFailed;
    }

    private void Print(IReadOnlyList<ServedRow> rows)
    {
        var table = PlainTable.Make("engine", "file, kB", "equal", "difference", "elsewhere", "alone", $"{CallerTimes.Callers} callers", "99 %");
        foreach (var row in rows)
        {
            table.AddRow(
                row.Name,
                row.Bytes is { } bytes ? Text(bytes / 1e3, "0") : "",
                row.Against is null ? "" : !row.Holds ? "[red]NO[/]" : row.Rounded is null ? "yes" : "routing",
                row.Rounded is { } rounded ? Text(rounded * 100, "0.0") + " %" : row.Against is { } against ? Text(against.Batches.Single(static b => b.Name == "given").MaxDifference, "0.0e0") : "",
                row.Against is { } compared ? $"{compared.Differently} of {compared.Tokens}" : "",
                Text(row.Times.Alone, "0"), Text(row.Times.Median, "0"), Text(row.Times.Worst, "0"));
        }

        console.Write(table);
        console.Profile.Out.Writer.WriteLine(
            $"""
            Equal to torch: y within 1e-5 + 1e-4 |y|, or 4 roundings of its terms, on held-out, random and adversarial
            tokens; the difference is the largest on held-out ones. Elsewhere: tokens on other experts, all with a margin
            within rounding. Quantised layers round their weights: the difference is what that costs, |y' - y| / |y|; their
            export was held against the rounded weights.
            Microseconds per call: one caller with one token (median); {CallerTimes.Callers} callers at once with {CallerTimes.Batch} tokens each (median, and
            what 99 of 100 calls stay under), on {Environment.ProcessorCount} processors.
            """);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static Option<int> Number(string name, int value, int least, int most, string what)
    {
        var option = new Option<int>(name) { Description = what, HelpName = "N", DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && (number < least || number > most))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} {number}: must be in {least}..{most}"));
        });
        return option;
    }
}
