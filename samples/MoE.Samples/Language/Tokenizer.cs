using System.Text;

namespace MoE.Samples.Language;

/// <summary>Characters, and pairs of tokens that follow each other often as tokens of their own (byte-pair encoding, Sennrich et al. 2016). Pairs do not cross the border of a word.</summary>
public sealed class Tokenizer
{
    /// <summary>The token of a character that was not learned.</summary>
    public const int Unknown = 0;

    private const int MostCharacters = 160;

    private readonly Dictionary<char, int> _characters = [];
    private readonly Dictionary<(int, int), int> _pairs = [];
    private readonly List<string> _texts = ["?"];
    private readonly Dictionary<string, int[]> _words = new(StringComparer.Ordinal);

    private Tokenizer()
    {
    }

    /// <summary>Number of tokens.</summary>
    public int Count => _texts.Count;

    /// <summary>Learns from texts.</summary>
    /// <param name="texts">Documents.</param>
    /// <param name="merges">Pairs to learn; 0: characters alone.</param>
    public static Tokenizer Learn(IEnumerable<string> texts, int merges)
    {
        var tokenizer = new Tokenizer();
        var words = new Dictionary<string, int>(StringComparer.Ordinal);
        var characters = new Dictionary<char, int>();
        foreach (string text in texts)
        {
            foreach (char c in text) characters[c] = characters.GetValueOrDefault(c) + 1;
            if (merges == 0) continue;
            foreach (string word in Words(text)) words[word] = words.GetValueOrDefault(word) + 1;
        }

        foreach (char c in characters.OrderByDescending(static c => c.Value).ThenBy(static c => c.Key).Take(MostCharacters).Select(static c => c.Key).Order())
        {
            tokenizer._characters.Add(c, tokenizer._texts.Count);
            tokenizer._texts.Add(c.ToString());
        }

        var pieces = words.OrderBy(static w => w.Key, StringComparer.Ordinal).Select(w => (Tokens: w.Key.Select(tokenizer.Character).ToList(), w.Value)).ToArray();
        for (int m = 0; m < merges; m++)
        {
            var counts = new Dictionary<(int, int), long>();
            foreach (var (tokens, count) in pieces)
            {
                for (int i = 1; i < tokens.Count; i++)
                {
                    if (tokens[i - 1] != Unknown && tokens[i] != Unknown) counts[(tokens[i - 1], tokens[i])] = counts.GetValueOrDefault((tokens[i - 1], tokens[i])) + count;
                }
            }

            if (counts.Count == 0) break;
            var best = counts.OrderByDescending(static c => c.Value).ThenBy(static c => c.Key).First().Key;
            int made = tokenizer._texts.Count;
            tokenizer._pairs.Add(best, made);
            tokenizer._texts.Add(tokenizer._texts[best.Item1] + tokenizer._texts[best.Item2]);
            foreach (var (tokens, _) in pieces) Merge(tokens, best, made);
        }

        return tokenizer;
    }

    /// <summary>The tokens of a text.</summary>
    public int[] Encode(string text)
    {
        if (_pairs.Count == 0) return [.. text.Select(Character)];
        var all = new List<int>();
        foreach (string word in Words(text))
        {
            if (!_words.TryGetValue(word, out int[]? tokens)) _words[word] = tokens = Pieces(word);
            all.AddRange(tokens);
        }

        return [.. all];
    }

    /// <summary>The text of a token.</summary>
    public string Text(int token) => _texts[token];

    private int[] Pieces(string word)
    {
        var tokens = word.Select(Character).ToList();
        while (tokens.Count > 1)
        {
            // The pair that was learned first.
            (int, int)? next = null;
            int made = int.MaxValue;
            for (int i = 1; i < tokens.Count; i++)
            {
                if (_pairs.TryGetValue((tokens[i - 1], tokens[i]), out int token) && token < made) (next, made) = ((tokens[i - 1], tokens[i]), token);
            }

            if (next is null) break;
            Merge(tokens, next.Value, made);
        }

        return [.. tokens];
    }

    private int Character(char c) => _characters.GetValueOrDefault(c, Unknown);

    private static void Merge(List<int> tokens, (int, int) pair, int made)
    {
        for (int i = 0; i + 1 < tokens.Count; i++)
        {
            if (tokens[i] != pair.Item1 || tokens[i + 1] != pair.Item2) continue;
            tokens[i] = made;
            tokens.RemoveAt(i + 1);
        }
    }

    // Letters with the blank before them, runs of other signs, runs of blanks.
    private static IEnumerable<string> Words(string text)
    {
        var word = new StringBuilder();
        int kind = -1;
        foreach (char c in text)
        {
            int own = char.IsLetterOrDigit(c) || c == '_' ? 1 : char.IsWhiteSpace(c) ? 0 : 2;
            if (own != kind && !(kind == 0 && word.Length == 1 && word[0] == ' ' && own == 1) && word.Length > 0)
            {
                yield return word.ToString();
                word.Clear();
            }

            kind = own;
            word.Append(c);
        }

        if (word.Length > 0) yield return word.ToString();
    }
}
