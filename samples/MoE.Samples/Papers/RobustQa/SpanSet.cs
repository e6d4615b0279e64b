using MoE.Samples.Data.Sets;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>Questions as spans: the question, a mark, the latest sentences of the story that fit; the answer is the last place of its word in them. Questions whose answer is no single word of the story are left out.</summary>
public sealed class SpanSet : IDisposable
{
    /// <summary>Words of a question with its story.</summary>
    public const int Length = 40;

    private SpanSet(Tensor words, Tensor answers, long[] places, int[] tasks) => (Words, Answers, Places, Tasks) = (words, answers, places, tasks);

    /// <summary>[questions, Length] int64; 0 is padding, 1 the mark.</summary>
    public Tensor Words { get; }

    /// <summary>[questions] int64: where the answer is.</summary>
    public Tensor Answers { get; }

    /// <summary>The same on the host.</summary>
    public long[] Places { get; }

    /// <summary>The task of each question.</summary>
    public int[] Tasks { get; }

    /// <summary>Number of questions.</summary>
    public int Count => Tasks.Length;

    /// <summary>Makes spans.</summary>
    /// <param name="questions">Questions with their tasks.</param>
    /// <param name="vocabulary">Numbers of words; new words are added.</param>
    public static SpanSet Of(IEnumerable<(BabiQuestion Question, int Task)> questions, Dictionary<string, long> vocabulary)
    {
        List<long> words = [], places = [];
        List<int> tasks = [];
        foreach (var (question, task) in questions)
        {
            int room = Length - question.Question.Count - 1, first = question.Story.Count;
            while (first > 0 && question.Story[first - 1].Count <= room) room -= question.Story[--first].Count;
            string[] text = [.. question.Question, "[sep]", .. question.Story.Skip(first).SelectMany(static s => s)];
            int place = Array.LastIndexOf(text, question.Answer);
            if (place <= question.Question.Count) continue;
            foreach (string word in text)
            {
                if (!vocabulary.TryGetValue(word, out long id)) vocabulary.Add(word, id = vocabulary.Count + 1);
                words.Add(id);
            }

            words.AddRange(Enumerable.Repeat(0L, Length - text.Length));
            places.Add(place);
            tasks.Add(task);
        }

        return new(tensor(words.ToArray(), tasks.Count, Length), tensor(places.ToArray()), [.. places], [.. tasks]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Words.Dispose();
        Answers.Dispose();
    }
}
