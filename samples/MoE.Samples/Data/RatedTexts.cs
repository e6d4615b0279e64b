using System.Text.Json;

namespace MoE.Samples.Data;

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
    private const int MaxFile = 16 << 20, MaxLines = 20_000;

    /// <summary>Reads all five kinds.</summary>
    /// <exception cref="Frame.MissingDataException">A data set is not there.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static IReadOnlyList<RatedText> Load(DataFolders folders)
    {
        var texts = new List<RatedText>();
        foreach (var (kind, file) in new[] { ("chat", "topical_chat.json"), ("restaurant", "sfres.json"), ("hotel", "sfhot.json") })
        {
            using var stream = DataFiles.Open(folders, "unieval-ratings", file);
            texts.AddRange(UniEval(stream, kind));
        }

        using (var stream = DataFiles.Open(folders, "dialsummeval", "human_judgment.jsonl")) texts.AddRange(Dialogues(stream));
        using (var stream = DataFiles.Open(folders, "summeval-op", "summeval-op.jsonl")) texts.AddRange(Reviews(stream));
        return texts;
    }

    /// <summary>A JSON array of objects with <c>source</c>, <c>system_output</c> and <c>scores</c>.</summary>
    /// <exception cref="InvalidDataException">It is not.</exception>
    public static IReadOnlyList<RatedText> UniEval(Stream stream, string kind)
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
        DataFiles.Lines(stream, MaxLines, 1 << 20).Where(static l => l.Length > 0).SelectMany(line =>
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
