using System.Collections;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Resources;
using MoE.Samples.Frame;

namespace MoE.Samples.Language;

/// <summary>The translated messages of the .NET SDK that runs this program: real text in many languages on every developer's machine.</summary>
internal static class SdkMessages
{
    private const int MostCharacters = 400_000;

    /// <summary>The messages in some languages, a fifth held out; the same messages in each.</summary>
    /// <param name="general">Names of the folders of translations for the base model.</param>
    /// <param name="languages">Names of the folders of translations.</param>
    /// <param name="why">Why this text is taken, for the words about it.</param>
    public static TextCorpus Corpus(IReadOnlyList<string> general, IReadOnlyList<string> languages, string why)
    {
        string? sdk = Folder();
        string[] missing = sdk is null ? [.. languages] : [.. general.Concat(languages).Where(l => !Directory.Exists(Path.Combine(sdk, l)))];
        if (missing.Length > 0) throw new MissingDataException($"{why}, and no .NET SDK with translations ({string.Join(", ", missing)}) lies beside the runtime; get them with data get, or install the SDK");
        return TextCorpus.Of([.. general.SelectMany(l => Domain(sdk!, l).Train)], [.. languages.Select(l => Domain(sdk!, l))], $"messages of the .NET SDK in {string.Join(", ", languages)}, because {why}; the base learns from those in {string.Join(" and ", general)} and a little of each");
    }

    private static string? Folder()
    {
        // shared/Microsoft.NETCore.App/10.0.1/System.Private.CoreLib.dll beside sdk/10.0.100
        string? root = Path.GetDirectoryName(typeof(object).Assembly.Location);
        for (int up = 0; up < 3; up++) root = Path.GetDirectoryName(root);
        string sdks = Path.Combine(root ?? "", "sdk");
        return root is not null && Directory.Exists(sdks) ? Directory.GetDirectories(sdks).OrderBy(static d => d, StringComparer.Ordinal).LastOrDefault() : null;
    }

    private static TextDomain Domain(string sdk, string language)
    {
        List<string> train = [], heldOut = [];
        int length = 0;
        foreach (string file in Directory.GetFiles(Path.Combine(sdk, language), "*.resources.dll").Order(StringComparer.Ordinal))
        {
            foreach (var (key, text) in Strings(file).OrderBy(static s => s.Key, StringComparer.Ordinal))
            {
                if (length > MostCharacters) return new(language, Joined(train), Joined(heldOut));
                // By the key's letters: a message is on the same side in all languages.
                (key.Sum(static c => c) % 5 == 0 ? heldOut : train).Add(text);
                length += text.Length;
            }
        }

        return new(language, Joined(train), Joined(heldOut));
    }

    private static string[] Joined(List<string> messages) => [.. messages.Chunk(8).Select(static c => string.Join('\n', c) + "\n\n")];

    private static List<(string Key, string Text)> Strings(string file)
    {
        var found = new List<(string, string)>();
        using var pe = new PEReader(File.OpenRead(file));
        if (pe.PEHeaders.CorHeader is not { } header) return found;
        var metadata = pe.GetMetadataReader();
        foreach (var handle in metadata.ManifestResources)
        {
            var resource = metadata.GetManifestResource(handle);
            if (!resource.Implementation.IsNil || !metadata.GetString(resource.Name).EndsWith(".resources", StringComparison.Ordinal)) continue;
            var block = pe.GetSectionData(header.ResourcesDirectory.RelativeVirtualAddress).GetReader((int)resource.Offset, header.ResourcesDirectory.Size - (int)resource.Offset);
            using var reader = new ResourceReader(new MemoryStream(block.ReadBytes(block.ReadInt32())));
            var entries = reader.GetEnumerator();
            while (entries.MoveNext())
            {
                if (((DictionaryEntry)entries.Current) is { Key: string key, Value: string { Length: > 20 } text }) found.Add((key, text));
            }
        }

        return found;
    }
}
