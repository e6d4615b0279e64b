using System.CommandLine;
using System.Security.Cryptography;
using MoE.Samples.Data;
using MoE.Samples.Frame;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>data list</c> and <c>data get NAME</c>.</summary>
internal sealed class DataVerb(IAnsiConsole console, TextWriter error)
{
    /// <summary>The verb.</summary>
    public Command Command()
    {
        var list = new Command("list", "Lists the data sets.");
        list.SetAction(_ => List());

        var name = new Argument<string>("NAME") { Description = "A data set of the list." };
        var folder = new Option<string?>("--data") { Description = "Folder of the data sets; otherwise MOE_DATA, otherwise the user's cache.", HelpName = "FOLDER" };
        var get = new Command("get", "Puts a data set into the data folder.") { name, folder };
        get.SetAction(parsed => Get(parsed.GetRequiredValue(name), new DataFolders(parsed.GetValue(folder))));
        return new Command("data", "The data sets of the samples.") { list, get };
    }

    private int List()
    {
        foreach (var set in DataCatalogue.All)
        {
            console.MarkupLineInterpolated($"[bold]{set.Name}[/]: {set.Title}");
            console.MarkupLineInterpolated($"  built in, no download; {set.Licence}");
            console.MarkupLineInterpolated($"  cite: {set.Citation}");
        }

        return ExitCode.Ran;
    }

    private int Get(string name, DataFolders folders)
    {
        if (DataCatalogue.All.FirstOrDefault(s => s.Name == name) is not { } set)
        {
            error.WriteLine($"{name}: no such data set; there are {string.Join(", ", DataCatalogue.All.Select(static s => s.Name))}");
            return ExitCode.Usage;
        }

        using var content = new MemoryStream();
        using (var builtIn = set.Open()) builtIn.CopyTo(content);
        if (Convert.ToHexStringLower(SHA256.HashData(content.ToArray())) != set.Sha256) throw new InvalidOperationException($"{set.File}: the copy that is built in is damaged");
        string path = folders.Place(set.Name, set.File);
        try
        {
            AtomicFile.Write(path, content.ToArray());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error.WriteLine($"{path}: cannot be written: {e.Message}");
            return ExitCode.Usage;
        }

        console.WriteLine($"{path} ({content.Length:N0} bytes)");
        return ExitCode.Ran;
    }
}
