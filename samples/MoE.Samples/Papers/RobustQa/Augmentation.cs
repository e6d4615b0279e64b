using MoE.Samples.Data.Sets;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>Easy data augmentation as in the released defaults: synonyms at 0.3, four copies, out-of-domain questions only. bAbI's world has few words, so that its synonyms are a list.</summary>
public static class Augmentation
{
    private static readonly string[][] Synonyms =
    [
        ["went", "journeyed", "travelled", "moved", "walked"],
        ["bathroom", "washroom"], ["bedroom", "chamber"], ["garden", "yard"], ["kitchen", "galley"], ["office", "bureau"], ["hallway", "corridor"],
        ["then", "afterwards"], ["back", "again"],
    ];

    /// <summary>Copies of a question with words replaced; the answer and its place in the story are replaced alike.</summary>
    public static IEnumerable<BabiQuestion> Copies(BabiQuestion question, int copies, Random random)
    {
        for (int i = 0; i < copies; i++)
        {
            var replaced = Synonyms.Where(_ => random.NextDouble() < 0.3).SelectMany(group => group.Select(word => (word, Other: group[random.Next(group.Length)]))).ToDictionary(static r => r.word, static r => r.Other);
            string Word(string word) => replaced.GetValueOrDefault(word, word);
            yield return new([.. question.Story.Select(s => (IReadOnlyList<string>)[.. s.Select(Word)])], [.. question.Question.Select(Word)], Word(question.Answer));
        }
    }
}
