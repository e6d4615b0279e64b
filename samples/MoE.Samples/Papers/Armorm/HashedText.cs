namespace MoE.Samples.Papers.Armorm;

/// <summary>Text as numbers without a trained encoder: hashed words and pairs of words, log counts, projected by fixed random signs, scaled to norm one.</summary>
/// <param name="width">Number of features.</param>
/// <param name="seed">Of the projection.</param>
public sealed class HashedText(int width, ulong seed)
{
    /// <summary>Features of words; a mark keeps equal words of different roles apart.</summary>
    public double[] Of(IEnumerable<string> words)
    {
        var counts = new Dictionary<ulong, int>();
        string last = "";
        foreach (string word in words)
        {
            foreach (string gram in new[] { word, $"{last} {word}" }) counts[Hash(gram)] = counts.GetValueOrDefault(Hash(gram)) + 1;
            last = word;
        }

        var features = new double[width];
        foreach (var (gram, count) in counts.OrderBy(static c => c.Key))
        {
            double value = 1 + Math.Log(count);
            ulong bits = 0;
            for (int f = 0; f < width; f++, bits >>= 1)
            {
                if (f % 64 == 0) bits = Mix(gram + (ulong)f);
                features[f] += (bits & 1) == 0 ? value : -value;
            }
        }

        double norm = Math.Sqrt(features.Sum(static f => f * f));
        return norm == 0 ? features : [.. features.Select(f => f / norm)];
    }

    /// <summary>Lower-case words of letters and digits.</summary>
    public static IReadOnlyList<string> Words(string text)
    {
        var words = new List<string>();
        int start = -1;
        for (int i = 0; i <= text.Length; i++)
        {
            bool letter = i < text.Length && char.IsLetterOrDigit(text[i]);
            if (letter && start < 0) start = i;
            if (letter || start < 0) continue;
            words.Add(text[start..i].ToLowerInvariant());
            start = -1;
        }

        return words;
    }

    // FNV-1a: the same on every machine.
    private ulong Hash(string gram)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in gram) hash = (hash ^ c) * 1099511628211;
        return Mix(hash ^ seed);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
