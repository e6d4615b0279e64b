using System.Globalization;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>Edges of a knowledge graph with a type each: training parts of FB15k-237 and WN18RR.</summary>
/// <param name="Heads">[edges]: source nodes.</param>
/// <param name="Relations">[edges]: types.</param>
/// <param name="Tails">[edges]: target nodes.</param>
/// <param name="Nodes">Number of nodes.</param>
/// <param name="Types">Number of types.</param>
public sealed record TypedTriples(int[] Heads, int[] Relations, int[] Tails, int Nodes, int Types)
{
    private const int MaxEdges = 5_000_000, MaxIds = 1_000_000, MaxLine = 1000;

    /// <summary>FB15k-237 as numbers: a count, then head, tail, relation.</summary>
    public static DataSet Freebase { get; } = new(
        "fb15k-237",
        "272,115 edges of 237 types (FB15k-237, training part)",
        "MIT (repository); the triples derive from Freebase, CC BY 2.5",
        "K. Toutanova, D. Chen (2015): Observed versus latent features for knowledge base and text inference. CVSC",
        DataKind.Original,
        [
            new("train2id.txt", 3416118, "5f44223a02b39b8e398e77a787feb4f06e9ffccf1ae87047bbf38fcc8cc08bd2", new Uri("https://raw.githubusercontent.com/thunlp/OpenKE/64c4ec8157abfc39112772e9825a349091da45f1/benchmarks/FB15K237/train2id.txt")),
        ],
        "github.com/thunlp/OpenKE (commit 64c4ec8), benchmarks/FB15K237");

    /// <summary>WN18RR as words: head, relation, tail.</summary>
    public static DataSet WordNet { get; } = new(
        "kg-wn18rr-umls-kinship",
        "86,835 edges of 11 types (WN18RR, training part)",
        "MIT (repository); WordNet licence",
        "T. Dettmers et al. (2018): Convolutional 2D Knowledge Graph Embeddings. AAAI, arXiv 1707.01476",
        DataKind.Original,
        [
            new("wn18rr_train.txt", 4091114, "a35aca3c963b71b8efa935c172bf07afe4472655552a0ad8d3b396b4154f1f29", new Uri("https://raw.githubusercontent.com/villmow/datasets_knowledge_embedding/9e392453d6804d1f51c13e5650ae58ed48b638d5/WN18RR/text/train.txt")),
        ],
        "github.com/villmow/datasets_knowledge_embedding (commit 9e39245), WN18RR/text/train.txt");

    /// <summary>Number of edges.</summary>
    public int Count => Heads.Length;

    /// <summary>Reads FB15k-237.</summary>
    /// <exception cref="Frame.MissingDataException">It is not there.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static TypedTriples LoadFreebase(DataFolders folders) => folders.Read(Freebase, "train2id.txt", Numbers);

    /// <summary>Reads WN18RR.</summary>
    /// <exception cref="Frame.MissingDataException">It is not there.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static TypedTriples LoadWordNet(DataFolders folders) => folders.Read(WordNet, "wn18rr_train.txt", Words);

    /// <summary>A first line with the number of edges, then head, tail and relation as numbers.</summary>
    /// <exception cref="InvalidDataException">A line is not what it must be; the message names it.</exception>
    public static TypedTriples Numbers(Stream stream)
    {
        List<int> heads = [], relations = [], tails = [];
        int number = 0, count = 0;
        foreach (string line in TextLines.Read(stream, MaxEdges + 1, MaxLine))
        {
            number++;
            if (number == 1)
            {
                if (!int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out count) || count is 0 or > MaxEdges) throw new InvalidDataException($"line 1: must be the number of edges, 1..{MaxEdges}");
                continue;
            }

            int[] ids = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static f => int.TryParse(f, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id < MaxIds ? id : -1)];
            if (ids.Length != 3 || ids.Contains(-1)) throw new InvalidDataException($"line {number}: must be head, tail and relation, numbers below {MaxIds}");
            heads.Add(ids[0]);
            tails.Add(ids[1]);
            relations.Add(ids[2]);
        }

        if (heads.Count != count || count == 0) throw new InvalidDataException($"{heads.Count} edges; line 1 says {count}");
        return new([.. heads], [.. relations], [.. tails], Math.Max(heads.Max(), tails.Max()) + 1, relations.Max() + 1);
    }

    /// <summary>Lines of head, relation and tail as words, numbered as they come.</summary>
    /// <exception cref="InvalidDataException">A line is not what it must be; the message names it.</exception>
    public static TypedTriples Words(Stream stream)
    {
        List<int> heads = [], relations = [], tails = [];
        Dictionary<string, int> nodes = [], types = [];
        static int Id(Dictionary<string, int> ids, string word)
        {
            if (!ids.TryGetValue(word, out int id)) ids.Add(word, id = ids.Count);
            return id;
        }

        foreach (string line in TextLines.Read(stream, MaxEdges, MaxLine))
        {
            string[] fields = line.Split('\t');
            if (fields.Length != 3) throw new InvalidDataException($"line {heads.Count + 1}: must be head, relation and tail between tabs");
            heads.Add(Id(nodes, fields[0]));
            relations.Add(Id(types, fields[1]));
            tails.Add(Id(nodes, fields[2]));
        }

        if (heads.Count == 0) throw new InvalidDataException("no edges");
        return new([.. heads], [.. relations], [.. tails], nodes.Count, types.Count);
    }
}
