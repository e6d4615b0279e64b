using System.Text.Json;
using MoE.Samples.Data;
using MoE.Samples.Frame;

namespace MoE.Samples.Language;

/// <summary>Real texts of several kinds: from the data sets where they are, otherwise the translated messages of the installed .NET SDK.</summary>
/// <param name="General">What the base model learns from: other texts, and a little of each domain.</param>
/// <param name="Domains">At least two.</param>
/// <param name="Origin">Where they come from, in words.</param>
public sealed record TextCorpus(IReadOnlyList<string> General, IReadOnlyList<TextDomain> Domains, string Origin)
{
    private const string Code = "mbxp-code";

    // Characters.
    private const int Little = 80_000;

    /// <summary>Plays, sums in words, C# and Python.</summary>
    /// <exception cref="MissingDataException">Neither the data sets nor an SDK with translations are there.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static TextCorpus Mixed(DataFolders data)
    {
        string?[] files = [data.Find("tinyshakespeare", "input.txt"), data.Find("gsm8k", "train.jsonl"), data.Find("gsm8k", "test.jsonl"), data.Find(Code, "mbcsp_release_v1.2.jsonl"), data.Find(Code, "mbpp_release_v1.jsonl"), data.Find(Code, "mbphp_release_v1.2.jsonl"), data.Find(Code, "mbjsp_release_v1.2.jsonl")];
        if (files.Any(static f => f is null)) return SdkMessages.Corpus(["es", "it"], ["de", "fr", "cs", "tr"], "tinyshakespeare, gsm8k and mbxp-code are not there");
        return Of(
            [.. Program("php", files[5]!).Train, .. Program("javascript", files[6]!).Train],
            [
                Plays(File.ReadAllText(files[0]!)),
                new("sums", [.. Lines(files[1]!).Select(Sum)], [.. Lines(files[2]!).Select(Sum)]),
                Program("csharp", files[3]!),
                Program("python", files[4]!),
            ],
            "plays of Shakespeare (tinyshakespeare), sums in words (gsm8k), the same small programs in C# and Python (mbxp-code); the base learns from the programs in PHP and JavaScript and a little of each");
    }

    /// <summary>The same small programs in five languages.</summary>
    /// <exception cref="MissingDataException">Neither the data set nor an SDK with translations are there.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static TextCorpus Programs(DataFolders data)
    {
        (string Name, string File)[] languages = [("cpp", "mbcpp_release_v1.2.jsonl"), ("php", "mbphp_release_v1.2.jsonl"), ("javascript", "mbjsp_release_v1.2.jsonl"), ("csharp", "mbcsp_release_v1.2.jsonl"), ("java", "mbjp_release_v1.2.jsonl")];
        string? python = data.Find(Code, "mbpp_release_v1.jsonl");
        if (python is null || languages.Any(l => data.Find(Code, l.File) is null)) return SdkMessages.Corpus(["it"], ["de", "fr", "cs", "tr", "es"], "mbxp-code is not there");
        return Of(Program("python", python).Train, [.. languages.Select(l => Program(l.Name, data.Find(Code, l.File)!))], "the same small programs in C++, PHP, JavaScript, C# and Java (mbxp-code); the base learns from those in Python and a little of each");
    }

    /// <summary>A corpus whose base learns from a text and a little of each domain, as a pretrained model has seen a little of everything.</summary>
    internal static TextCorpus Of(IReadOnlyList<string> general, IReadOnlyList<TextDomain> domains, string origin)
    {
        var all = general.ToList();
        foreach (var domain in domains)
        {
            int length = 0;
            foreach (string document in domain.Train)
            {
                if ((length += document.Length) > Little) break;
                all.Add(document);
            }
        }

        return new(all, domains, origin);
    }

    private static TextDomain Plays(string text)
    {
        // Speeches are apart by an empty line; the last tenth is held out.
        string[] speeches = [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Chunk(12).Select(static c => string.Join("\n\n", c) + "\n\n")];
        int held = Math.Max(1, speeches.Length / 10);
        return new("plays", speeches[..^held], speeches[^held..]);
    }

    private static TextDomain Program(string name, string file)
    {
        var train = new List<string>();
        var heldOut = new List<string>();
        foreach (var row in Lines(file))
        {
            // A task is on the same side in all languages: its words are no help.
            string id = Text(row, "task_id");
            if (!int.TryParse(id[(id.IndexOf('/', StringComparison.Ordinal) + 1)..], out int number)) throw new InvalidDataException($"{file}: task_id {id} has no number");
            string text = Text(row, "prompt").TrimStart() + Text(row, "canonical_solution") + "\n\n";
            (number % 5 == 0 ? heldOut : train).Add(text);
        }

        return new(name, train, heldOut);
    }

    private static string Sum(JsonElement row) => $"{Text(row, "question")}\n{Text(row, "answer")}\n\n";

    private static string Text(JsonElement row, string name) => row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static IEnumerable<JsonElement> Lines(string file)
    {
        foreach (string line in File.ReadLines(file))
        {
            if (line.Length == 0) continue;
            JsonElement row;
            try
            {
                row = JsonElement.Parse(line);
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{file}: {e.Message}", e);
            }

            yield return row;
        }
    }
}
