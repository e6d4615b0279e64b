using MoE.Samples.Data;
using MoE.Samples.Data.Sets;

namespace MoE.Samples.Papers.Ept;

/// <summary>A sentence as words of the vocabulary, with its class.</summary>
/// <param name="Words">At most <see cref="Sentences.Longest"/>.</param>
/// <param name="Label">The class.</param>
public sealed record Sentence(int[] Words, int Label);

/// <summary>A task: sentences to learn from, and others that nothing is learned from, neither here nor in the frozen model.</summary>
/// <param name="Name">A word.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Train">To learn from.</param>
/// <param name="Test">Every fifth sentence.</param>
public sealed record SentenceTask(string Name, int Classes, IReadOnlyList<Sentence> Train, IReadOnlyList<Sentence> Test);

/// <summary>Tasks whose labels the frozen model learns, tasks that prompts are tuned for, and their words.</summary>
/// <param name="Vocabulary">Number of tokens, the special ones among them.</param>
/// <param name="Sources">Tasks that the frozen model was trained on, as T5 was on some of the tasks it is tried on.</param>
/// <param name="Targets">Tasks it has seen sentences of, but no label.</param>
public sealed record Sentences(int Vocabulary, IReadOnlyList<SentenceTask> Sources, IReadOnlyList<SentenceTask> Targets)
{
    /// <summary>Words of a sentence that are read.</summary>
    public const int Longest = 24;

    /// <summary>Tokens of their own: padding and what is not a known word; the place where the answer is read.</summary>
    public const int Unknown = 0, Answer = 1;

    private const int MostWords = 2500;

    /// <summary>Reads films (SST-2) and questions (TREC) as sources; customer reviews, opinions (MPQA) and subjectivity as targets.</summary>
    /// <exception cref="Frame.MissingDataException">They are not there.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static Sentences Load(DataFolders folders) => Of(
        [("films", LabelledSentences.Load(folders, "stsa.binary.train")), ("questions", LabelledSentences.Load(folders, "TREC.train.all"))],
        [("reviews", LabelledSentences.Load(folders, "custrev.all")), ("opinions", LabelledSentences.Load(folders, "mpqa.all")), ("subjectivity", LabelledSentences.Load(folders, "subj.all"))]);

    /// <summary>Makes tasks of labelled texts.</summary>
    /// <param name="sources">Names and texts.</param>
    /// <param name="targets">Names and texts.</param>
    public static Sentences Of(IReadOnlyList<(string Name, IReadOnlyList<(int Label, string Text)> Rows)> sources, IReadOnlyList<(string Name, IReadOnlyList<(int Label, string Text)> Rows)> targets)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (_, rows) in sources.Concat(targets))
        {
            for (int i = 0; i < rows.Count; i++)
            {
                if (Tests(i)) continue;
                foreach (string word in Words(rows[i].Text)) counts[word] = counts.GetValueOrDefault(word) + 1;
            }
        }

        // Special tokens: two, a name per source and one for plain text, labels of each source, and no and yes.
        int first = 2 + sources.Count + 1 + sources.Sum(static s => Classes(s.Rows)) + 2;
        var number = counts.OrderByDescending(static c => c.Value).ThenBy(static c => c.Key, StringComparer.Ordinal).Take(MostWords).Select((c, i) => (c.Key, i)).ToDictionary(static p => p.Key, p => first + p.i, StringComparer.Ordinal);
        SentenceTask Task((string Name, IReadOnlyList<(int Label, string Text)> Rows) from)
        {
            Sentence[] all = [.. from.Rows.Select(r => new Sentence([.. Words(r.Text).Take(Longest).Select(w => number.GetValueOrDefault(w, Unknown))], r.Label))];
            return new(from.Name, Classes(from.Rows), [.. all.Where((_, i) => !Tests(i))], [.. all.Where((_, i) => Tests(i))]);
        }

        return new(first + number.Count, [.. sources.Select(Task)], [.. targets.Select(Task)]);
    }

    /// <summary>The token that names a source; of <see cref="Sources"/>.Count: plain text.</summary>
    public int TaskToken(int source) => 2 + source;

    /// <summary>The token of a label of a source.</summary>
    public int LabelToken(int source, int label) => 2 + Sources.Count + 1 + Sources.Take(source).Sum(static s => s.Classes) + label;

    /// <summary>The tokens of no and yes.</summary>
    public int FoundToken(bool found) => LabelToken(Sources.Count, found ? 1 : 0);

    private static bool Tests(int row) => row % 5 == 4;

    private static int Classes(IReadOnlyList<(int Label, string Text)> rows) => rows.Max(static r => r.Label) + 1;

    private static string[] Words(string text) => text.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
