#:property PublishAot=false
// Packs golden files into one archive per peer, those of the functions in claims.json, the same bytes for the same files:
//   dotnet run --file tests/MoE.Conformance.Tests/cases/Pack.cs -- FOLDER
using System.IO.Compression;
using System.Text.Json;

string here = (string)AppContext.GetData("EntryPointFileDirectoryPath")!;
string source = args is [var folder] ? folder : throw new ArgumentException("one argument is needed: the folder with <peer>/<function>__<case>.json");
using var claims = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(here, "..", "claims.json")));
foreach (var peer in claims.RootElement.GetProperty("claims").EnumerateObject())
{
    string[] files = [.. Directory.EnumerateFiles(Path.Combine(source, peer.Name), "*.json")
        .Where(file => peer.Value.TryGetProperty(Path.GetFileName(file).Split("__")[0], out _))
        .Order(StringComparer.Ordinal)];
    using var zip = new ZipArchive(File.Create(Path.Combine(here, peer.Name + ".zip")), ZipArchiveMode.Create);
    foreach (string file in files)
    {
        var entry = zip.CreateEntry($"{peer.Name}/{Path.GetFileName(file)}", CompressionLevel.SmallestSize);
        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
        entry.ExternalAttributes = 0;
        using var content = entry.Open();
        content.Write(File.ReadAllBytes(file));
    }

    Console.WriteLine($"{peer.Name}.zip: {files.Length} cases");
}
