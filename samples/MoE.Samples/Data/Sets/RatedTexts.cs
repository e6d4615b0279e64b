using System.Text.Json;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>A machine-made text with human ratings.</summary>
/// <param name="Kind">What was asked for: <c>chat</c>, <c>restaurant</c>, <c>hotel</c>, <c>dialogue</c>, <c>reviews</c>.</param>
/// <param name="Context">What it answers or sums up.</param>
/// <param name="Text">The text.</param>
/// <param name="Ratings">Mean of the raters by attribute; kinds have different ones.</param>
/// <param name="Overall">The raters' overall score, or null.</param>
public sealed record RatedText(string Kind, string Context, string Text, IReadOnlyDictionary<string, double> Ratings, double? Overall);

/// <summary>Reads human ratings of several attributes: UniEval's collections, DialSummEval, SummEval-OP.</summary>
public static class RatedTexts
{
    /// <summary>Ratings collected for UniEval.</summary>
    public static DataSet UniEval { get; } = new(
        "unieval-ratings",
        "2,416 machine-made texts with human ratings: chat, restaurants, hotels",
        "MIT (repository); the texts come from Topical-Chat, SFRES and SFHOT",
        "M. Zhong et al. (2022): Towards a Unified Multi-Dimensional Evaluator for Text Generation. EMNLP, arXiv 2210.07197",
        DataKind.Original,
        [
            new("topical_chat.json", 669279, "f6361daa6fe162f636d2071a60322a784acd770be0bf3a6920ac949d751b978a", new Uri("https://raw.githubusercontent.com/maszhongming/UniEval/d33e7b6cfebe97b2bafe435adbd818230d5a416a/reproduce/data/dialogue/topical_chat.json")),
            new("sfres.json", 506399, "8e024cab8e202d572c554a1f44ee765d74690da008d47dca37e61ee5b5ce093f", new Uri("https://raw.githubusercontent.com/maszhongming/UniEval/d33e7b6cfebe97b2bafe435adbd818230d5a416a/reproduce/data/data2text/sfres.json")),
            new("sfhot.json", 367684, "40f771b4bf47e3dced9c669ea4848a76b950086eba3586205affa0acd67630a8", new Uri("https://raw.githubusercontent.com/maszhongming/UniEval/d33e7b6cfebe97b2bafe435adbd818230d5a416a/reproduce/data/data2text/sfhot.json")),
        ],
        "github.com/maszhongming/UniEval (commit d33e7b6), reproduce/data");

    /// <summary>Ratings of dialogue summaries.</summary>
    public static DataSet DialSummEval { get; } = new(
        "dialsummeval",
        "1,400 dialogue summaries of 14 systems, 4 attributes, 3 raters",
        "none stated",
        "M. Gao, X. Wan (2022): DialSummEval. NAACL",
        DataKind.Original,
        [
            new("human_judgment.jsonl", 1341024, "727e1983f625a3380a8dc964035e5119d2c24220fbc1628e66801939494c50c5", new Uri("https://raw.githubusercontent.com/kite99520/DialSummEval/667118e10ae69ef8cbc5cbddec0ce91b5c9c6187/annotation_campus/human_judgment.jsonl")),
        ],
        "github.com/kite99520/DialSummEval (commit 667118e), annotation_campus");

    /// <summary>Ratings of opinion summaries.</summary>
    public static DataSet SummEvalOp { get; } = new(
        "summeval-op",
        "416 summaries of product reviews, 7 attributes",
        "MIT",
        "T. Siledar et al. (2024): One Prompt To Rule Them All: LLMs for Opinion Summary Evaluation. arXiv 2402.11683",
        DataKind.Original,
        [
            new("summeval-op.jsonl", 372613, "392a4955ff42ad07878dcffaa1fd60f7fed113d3a68f1fd4f2888ce35ca59e86", new Uri("https://raw.githubusercontent.com/tjsiledar/SummEval-OP/d8e13e2b66d426cfaf04b9267101688d53320650/annotated_dataset/summeval-op.jsonl")),
        ],
        "github.com/tjsiledar/SummEval-OP (commit d8e13e2), annotated_dataset");

    private const int MaxFile = 16 << 20, MaxLines = 20_000;

    /// <summary>Reads all five kinds.</summary>
    /// <exception cref="Frame.MissingDataException">A data set is not there.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static IReadOnlyList<RatedText> Load(DataFolders folders)
    {
        var texts = new List<RatedText>();
        foreach (var (kind, file) in new[] { ("chat", "topical_chat.json"), ("restaurant", "sfres.json"), ("hotel", "sfhot.json") })
        {
            texts.AddRange(folders.Read(UniEval, file, stream => UniEvalTexts(stream, kind)));
        }

        texts.AddRange(folders.Read(DialSummEval, "human_judgment.jsonl", Dialogues));
        texts.AddRange(folders.Read(SummEvalOp, "summeval-op.jsonl", Reviews));
        return texts;
    }

    /// <summary>A JSON array of objects with <c>source</c>, <c>system_output</c> and <c>scores</c>.</summary>
    /// <exception cref="InvalidDataException">It is not.</exception>
    public static IReadOnlyList<RatedText> UniEvalTexts(Stream stream, string kind)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Length > MaxFile) throw new InvalidDataException($"{kind}: {stream.Length} bytes; must be at most {MaxFile}");
        return Parsed(kind, () =>
        {
            using var document = JsonDocument.Parse(stream);
            return document.RootElement.EnumerateArray().Select(item =>
            {
                var scores = item.GetProperty("scores").EnumerateObject().ToDictionary(static s => s.Name, static s => s.Value.GetDouble());
                double? overall = scores.Remove("overall", out double value) ? value : null;
                return new RatedText(kind, item.GetProperty("source").GetString()!, item.GetProperty("system_output").GetString()!, scores, overall);
            }).ToList();
        });
    }

    /// <summary>Lines with <c>dialogue</c>, <c>summary</c> and <c>annotations</c>, one per rater.</summary>
    /// <exception cref="InvalidDataException">A line is not.</exception>
    public static IReadOnlyList<RatedText> Dialogues(Stream stream) => Lines(stream, "dialogue", static root =>
    [
        new("dialogue", root.GetProperty("dialogue").GetString()!, root.GetProperty("summary").GetString()!,
            root.GetProperty("annotations").EnumerateArray().SelectMany(static a => a.EnumerateObject()).GroupBy(static a => a.Name).ToDictionary(static g => g.Key, static g => g.Average(static a => a.Value.GetDouble())), null),
    ]);

    /// <summary>Lines with <c>reviews</c> and <c>summaries</c>, each with <c>summary</c> and <c>dimensions</c>.</summary>
    /// <exception cref="InvalidDataException">A line is not.</exception>
    public static IReadOnlyList<RatedText> Reviews(Stream stream) => Lines(stream, "reviews", static root =>
    {
        string context = string.Join('\n', root.GetProperty("reviews").EnumerateObject().Select(static r => r.Value.GetString()));
        return root.GetProperty("summaries").EnumerateObject().Select(s => new RatedText("reviews", context, s.Value.GetProperty("summary").GetString()!,
            s.Value.GetProperty("dimensions").EnumerateObject().ToDictionary(static d => d.Name.ToLowerInvariant(), static d => d.Value.GetDouble()), null));
    });

    private static List<RatedText> Lines(Stream stream, string kind, Func<JsonElement, IEnumerable<RatedText>> read) => Parsed(kind, () =>
        TextLines.Read(stream, MaxLines, 1 << 20).Where(static l => l.Length > 0).SelectMany(line =>
        {
            using var document = JsonDocument.Parse(line);
            return read(document.RootElement).ToList();
        }).ToList());

    private static List<RatedText> Parsed(string kind, Func<List<RatedText>> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new InvalidDataException($"{kind}: not the ratings expected: {e.Message}", e);
        }
    }
}
