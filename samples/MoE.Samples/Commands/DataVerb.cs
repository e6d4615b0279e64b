using System.CommandLine;
using MoE.Samples.Data;
using MoE.Samples.Frame;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>data list</c> and <c>data get NAME</c>.</summary>
internal sealed class DataVerb(IAnsiConsole console, TextWriter error, CancellationToken cancellation)
{
    /// <summary>The verb.</summary>
    public Command Command()
    {
        var folder = new Option<string?>("--data") { Description = "Folder of the data sets; otherwise MOE_DATA, otherwise the user's cache.", HelpName = "FOLDER" };
        var list = new Command("list", "Lists the data sets and says which are there.") { folder };
        list.SetAction(parsed => List(new DataFolders(parsed.GetValue(folder))));

        var name = new Argument<string>("NAME") { Description = "A data set of the list." };
        var get = new Command("get", "Puts a data set into the data folder.") { name, folder };
        get.SetAction(parsed => Get(parsed.GetRequiredValue(name), new DataFolders(parsed.GetValue(folder))));
        return new Command("data", "The data sets of the samples.") { list, get };
    }

    private int List(DataFolders folders)
    {
        console.MarkupLineInterpolated($"[dim]Data folder: {folders.Root}[/]");
        foreach (var set in DataCatalogue.All)
        {
            bool there = set.Files.All(f => folders.Find(set.Name, f.Name) is not null);
            string how = set.Kind switch
            {
                DataKind.BuiltIn => "built in, no download",
                DataKind.Original => $"{(there ? "there" : $"absent: data get {set.Name}")}; original, {set.Bytes / 1e6:0.0} MB (addresses checked by hash, not tried by tests)",
                _ => $"{(there ? "there" : "absent")}; prepared, {set.Bytes / 1e6:0.0} MB, by --data or MOE_DATA only",
            };
            console.MarkupLineInterpolated($"[bold]{set.Name}[/]: {set.Title}");
            console.MarkupLineInterpolated($"  {how}; {set.Licence}");
            console.MarkupLineInterpolated($"  cite: {set.Citation}");
            console.MarkupLineInterpolated($"  from: {set.Origin}");
        }

        return ExitCode.Ran;
    }

    private int Get(string name, DataFolders folders)
    {
        if (DataCatalogue.All.FirstOrDefault(s => s.Name == name) is not { } set) return Refuse($"{name}: no such data set; there are {string.Join(", ", DataCatalogue.All.Select(static s => s.Name))}");
        string folder = Path.Combine(folders.Root, set.Name);
        try
        {
            switch (set.Kind)
            {
                case DataKind.BuiltIn: Unpack(set, folders); break;
                case DataKind.Original: Download(set, folder); break;
                default: return Prepared(set, folder);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            error.WriteLine($"{set.Name}: stopped; the next `data get` goes on from here");
            return ExitCode.Cancelled;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or HttpRequestException or InvalidDataException or OperationCanceledException)
        {
            return Refuse($"{set.Name}: {e.Message}");
        }

        foreach (var file in set.Files) console.Profile.Out.Writer.WriteLine($"{folders.Place(set.Name, file.Name)} ({file.Bytes:N0} bytes)");
        return ExitCode.Ran;
    }

    private static void Unpack(DataSet set, DataFolders folders)
    {
        using var content = new MemoryStream();
        using (var builtIn = set.Open!()) builtIn.CopyTo(content);
        AtomicFile.Write(folders.Place(set.Name, set.Files[0].Name), content.ToArray());
    }

    private void Download(DataSet set, string folder)
    {
        using var client = new HttpClient();
        RunProgress.Show(console, set.Name, bar => new DataDownload(client).Get(set, folder, new Fraction(bar, set.Bytes), cancellation).GetAwaiter().GetResult());
    }

    private int Prepared(DataSet set, string folder)
    {
        var wrong = set.Files.Where(f => !DataDownload.Verified(Path.Combine(folder, f.Name), f, cancellation).GetAwaiter().GetResult()).Select(static f => f.Name).ToList();
        if (wrong.Count > 0) return Refuse($"{set.Name}: is prepared, not fetched. {set.Origin} Absent from {folder}, or with another hash: {string.Join(", ", wrong)}");
        console.Profile.Out.Writer.WriteLine($"{folder}: all {set.Files.Count} files are there and have the hashes they should have");
        return ExitCode.Ran;
    }

    private int Refuse(string message)
    {
        error.WriteLine(message);
        return ExitCode.Usage;
    }

    private sealed class Fraction(RunProgress bar, long total) : IProgress<long>
    {
        public void Report(long value) => bar.Report((double)value / total);
    }
}
