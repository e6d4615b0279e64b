using System.CommandLine;
using MoE.Samples.Data;
using MoE.Samples.Frame;

namespace MoE.Samples.Commands;

/// <summary>The options of a run on the command line.</summary>
internal sealed class RunSettings
{
    private readonly Option<int> _seed = new("--seed") { Description = "Changes data draws, initial weights and order.", HelpName = "N", DefaultValueFactory = static _ => 1 };
    private readonly Option<string> _scale = new("--scale") { Description = "quick: see the mechanism; paper: narrow intervals.", HelpName = "quick|paper", DefaultValueFactory = static _ => "quick" };
    private readonly Option<string?> _data = new("--data") { Description = "Folder of the data sets; otherwise MOE_DATA, otherwise the user's cache.", HelpName = "FOLDER" };
    private readonly Option<string?> _json = new("--json") { Description = "Writes the result there.", HelpName = "FILE" };
    private readonly Option<string?> _csv = new("--csv") { Description = "Writes a row per claim and control there.", HelpName = "FILE" };
    private readonly Option<string?> _ablate = new("--ablate") { Description = "Leaves a mechanism out; see list.", HelpName = "MECHANISM" };
    private readonly Option<string?> _out = new("--out") { Description = "Folder of the reports; a subfolder per sample. Default: artifacts/samples.", HelpName = "FOLDER" };

    /// <summary>Adds the options to a command.</summary>
    public RunSettings(Command command)
    {
        _scale.AcceptOnlyFromAmong("quick", "paper");
        _seed.Validators.Add(static result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int seed) && seed < 0) result.AddError($"--seed {seed}: must not be negative");
        });
        foreach (var option in new Option[] { _seed, _scale, _data, _json, _csv, _ablate, _out }) command.Add(option);
    }

    /// <summary>The file after <c>--json</c>, or null.</summary>
    public string? Json(ParseResult parsed) => parsed.GetValue(_json);

    /// <summary>The file after <c>--csv</c>, or null.</summary>
    public string? Csv(ParseResult parsed) => parsed.GetValue(_csv);

    /// <summary>The options as the frame takes them.</summary>
    public RunOptions Options(ParseResult parsed)
    {
        var options = new RunOptions
        {
            Seed = parsed.GetValue(_seed),
            Scale = parsed.GetValue(_scale) == "paper" ? Scale.Paper : Scale.Quick,
            Data = new DataFolders(parsed.GetValue(_data)),
            Ablated = parsed.GetValue(_ablate),
        };
        return parsed.GetValue(_out) is { } folder ? options with { Out = folder } : options;
    }

    /// <summary>Why the options cannot be used, or null.</summary>
    public string? Problem(ParseResult parsed)
    {
        if (parsed.GetValue(_data) is { } data && !Directory.Exists(data)) return $"--data {data}: there is no such folder";
        return Writable("--json", Json(parsed)) ?? Writable("--csv", Csv(parsed)) ?? Writable("--out", parsed.GetValue(_out) is { } folder ? Path.Combine(folder, "report.html") : null);
    }

    // Found out before the run: afterwards its results would be lost.
    private static string? Writable(string option, string? file)
    {
        if (file is null) return null;
        try
        {
            AtomicFile.Probe(file);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return $"{option} {file}: cannot be written: {e.Message}";
        }
    }
}
