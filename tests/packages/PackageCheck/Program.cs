using System.IO.Compression;
using System.Xml.Linq;

// Arguments: the folder of the packages, their version, the ids that must be there. One line per fact, "pass" or "fail".
if (args is not [var folder, var version, .. { Length: > 0 } ids])
{
    Console.Error.WriteLine("usage: PackageCheck <folder> <version> <id> ...");
    return 2;
}

int failures = 0;
string[] expected = [.. ids.SelectMany(id => (string[])[$"{id}.{version}.nupkg", $"{id}.{version}.snupkg"]).Order(StringComparer.Ordinal)];
string[] found = [.. Directory.GetFiles(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
Check(found.SequenceEqual(expected), "exactly the expected packages", string.Join(' ', found));
foreach (string id in ids)
    CheckPackage(id);
return failures == 0 ? 0 : 1;

void CheckPackage(string id)
{
    using var package = ZipFile.OpenRead(Path.Combine(folder, $"{id}.{version}.nupkg"));
    string[] files = [.. package.Entries.Select(entry => entry.FullName)];
    XElement metadata;
    using (var stream = package.GetEntry($"{id}.nuspec")!.Open())
        metadata = XDocument.Load(stream).Root!.Elements().First();

    string? Value(string name) => metadata.Elements().FirstOrDefault(e => e.Name.LocalName == name)?.Value;
    bool Holds(string file) => files.Contains(file);

    Check(Value("id") == id && Value("version") == version, $"{id}: id and version", Value("version"));
    Check(Holds($"lib/net10.0/{id}.dll"), $"{id}: assembly");
    Check(package.GetEntry($"lib/net10.0/{id}.xml") is { Length: > 0 }, $"{id}: documentation");
    Check(Value("readme") == "README.md" && package.GetEntry("README.md") is { Length: > 0 }, $"{id}: readme");
    Check(Holds("LICENSE") && Holds("THIRD-PARTY-NOTICES.md"), $"{id}: licence and notices");
    Check(Value("license") == "MIT", $"{id}: licence expression", Value("license"));
    Check(Value("description") is { Length: > 40 } && Value("authors") is { Length: > 0 } && Value("tags") is { Length: > 0 }, $"{id}: description, authors, tags");

    var repository = metadata.Elements().FirstOrDefault(e => e.Name.LocalName == "repository");
    Check(repository?.Attribute("type")?.Value == "git" && repository.Attribute("url")?.Value.StartsWith("https://", StringComparison.Ordinal) == true,
        $"{id}: repository", repository?.ToString());

    string[] natives = [.. files.Where(file => file.StartsWith("runtimes/", StringComparison.Ordinal) || Path.GetExtension(file) is ".so" or ".dylib" or ".pdb")];
    Check(natives.Length == 0, $"{id}: no natives, no symbols inside", string.Join(' ', natives));
    Check(new FileInfo(Path.Combine(folder, $"{id}.{version}.nupkg")).Length < 4 << 20, $"{id}: below 4 MB");

    string[] dependencies = [.. metadata.Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => e.Attribute("id")!.Value)];
    Check(!dependencies.Any(d => d.StartsWith("libtorch", StringComparison.Ordinal) || d == "Microsoft.ML.OnnxRuntime"),
        $"{id}: leaves the choice of natives to the user", string.Join(' ', dependencies));
    Check(id != "MoE" || dependencies.All(d => d == "System.Numerics.Tensors"), $"{id}: depends on the framework only", string.Join(' ', dependencies));
    Check(id != "MoE.Torch" || Holds("buildTransitive/MoE.Torch.targets") && Holds("buildTransitive/MoE.Torch.RegisterNativeLoader.cs"), $"{id}: build files");

    using var symbols = ZipFile.OpenRead(Path.Combine(folder, $"{id}.{version}.snupkg"));
    Check(symbols.GetEntry($"lib/net10.0/{id}.pdb") is { Length: > 0 }, $"{id}: symbols");
}

void Check(bool holds, string what, string? detail = null)
{
    if (!holds)
        failures++;
    Console.WriteLine(holds ? $"pass {what}" : $"fail {what}{(detail is null ? "" : $" ({detail})")}");
}
