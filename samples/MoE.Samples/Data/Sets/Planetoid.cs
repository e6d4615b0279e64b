using System.Globalization;
using MoE.Samples.Data.Readers;
using MoE.Samples.Graphs;

namespace MoE.Samples.Data.Sets;

/// <summary>A citation graph of Planetoid as text: papers with binary words, classes, and the public split (Yang et al. 2016).</summary>
public sealed class Planetoid
{
    private const int MaxNodes = 100_000, MaxFeatures = 100_000, MaxLine = 100_000, MaxEdges = 5_000_000;

    private Planetoid(SparseMatrix features, SparseMatrix adjacency, long[] labels, IReadOnlyDictionary<string, long[]> parts) => (Features, Adjacency, Labels, Parts) = (features, adjacency, labels, parts);

    /// <summary>[nodes, words], rows sum to one; a node without words has a row of zeros.</summary>
    public SparseMatrix Features { get; }

    /// <summary>D^-1/2 (A + I) D^-1/2, symmetric.</summary>
    public SparseMatrix Adjacency { get; }

    /// <summary>[nodes]; -1 where unknown.</summary>
    public long[] Labels { get; }

    /// <summary>Nodes of <c>train</c>, <c>val</c> and <c>test</c>.</summary>
    public IReadOnlyDictionary<string, long[]> Parts { get; }

    /// <summary>Number of classes.</summary>
    public int Classes => (int)Labels.Max() + 1;

    /// <summary>Number of nodes.</summary>
    public int Nodes => Labels.Length;

    /// <summary>Cora.</summary>
    public static DataSet Cora { get; } = new(
        "planetoid-cora",
        "2,708 papers, 5,278 citations, 1,433 words, 7 classes, public split (Cora)",
        "MIT (repository)",
        "Z. Yang, W. Cohen, R. Salakhutdinov (2016): Revisiting Semi-Supervised Learning with Graph Embeddings. ICML, arXiv 1603.08861",
        DataKind.Prepared,
        [
            new("edges.tsv", 48436, "a6cafe6abd12b83df937f643562bbc019baa15938937937b63dd59e419e7030c"),
            new("features.txt", 212514, "03d7ce13c1e6fae5bbcbba8ab5e366f9aa269a608796acac4df9047d07795d8a"),
            new("nodes.tsv", 27839, "5f51b639d6f54d33b57efdc646433128afd6617e333e09869d09970e4078147a"),
        ],
        "github.com/kimiyoung/planetoid (commit af6abf4), data/ind.cora.*, converted: the pickles give edges.tsv (node pairs, self loops and doubles removed), features.txt (line i: numbers of the words of node i) and nodes.tsv (node, label, split, with a heading; -1 for an isolated node without label)");

    /// <summary>CiteSeer.</summary>
    public static DataSet CiteSeer { get; } = new(
        "planetoid-citeseer",
        "3,327 papers, 4,552 citations, 3,703 words, 6 classes, public split (CiteSeer)",
        "MIT (repository)",
        "Z. Yang, W. Cohen, R. Salakhutdinov (2016): Revisiting Semi-Supervised Learning with Graph Embeddings. ICML, arXiv 1603.08861",
        DataKind.Prepared,
        [
            new("edges.tsv", 42413, "951d931305f1a92110e32d75dd878ab1065bda59de0dbaade06abd3beed8b17f"),
            new("features.txt", 490627, "837d5dc8f1eb127530493f961272f16451d28de71b5c647953b1d5ace7c7240d"),
            new("nodes.tsv", 33345, "7adf6bd48d00416c5da5b922189dceb198916474935df30bcbe7d5faf3eed6a6"),
        ],
        "github.com/kimiyoung/planetoid (commit af6abf4), data/ind.citeseer.*, converted: the pickles give edges.tsv (node pairs, self loops and doubles removed), features.txt (line i: numbers of the words of node i) and nodes.tsv (node, label, split, with a heading; -1 for an isolated node without label)");

    /// <summary>Reads a graph.</summary>
    /// <param name="folders">Where data sets lie.</param>
    /// <param name="set"><see cref="Cora"/> or <see cref="CiteSeer"/>.</param>
    /// <exception cref="Frame.MissingDataException">It is not there.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static Planetoid Load(DataFolders folders, DataSet set) => folders.Read(set, "nodes.tsv", nodes => folders.Read(set, "features.txt", features => folders.Read(set, "edges.tsv", edges => Read(nodes, features, edges))));

    /// <summary>Reads a graph from its three files: <c>node label split</c> with a heading, word numbers per node, pairs of nodes.</summary>
    /// <exception cref="InvalidDataException">A line is not what it must be; the message names it.</exception>
    public static Planetoid Read(Stream nodes, Stream features, Stream edges)
    {
        var labels = new List<long>();
        var parts = new Dictionary<string, List<long>> { ["train"] = [], ["val"] = [], ["test"] = [] };
        foreach (string line in TextLines.Read(nodes, MaxNodes + 1, MaxLine).Skip(1))
        {
            string[] fields = line.Split('\t');
            if (fields.Length != 3 || Number(fields[0], MaxNodes) != labels.Count) throw new InvalidDataException($"nodes, line {labels.Count + 2}: must be node {labels.Count}, a label and a split");
            int label = fields[1] == "-1" ? -1 : Number(fields[1], 1000) ?? throw new InvalidDataException($"nodes, line {labels.Count + 2}: label {fields[1]} must be -1 or a whole number");
            if (parts.TryGetValue(fields[2], out var part))
            {
                if (label < 0) throw new InvalidDataException($"nodes, line {labels.Count + 2}: is in {fields[2]} without a label");
                part.Add(labels.Count);
            }

            labels.Add(label);
        }

        foreach (var (part, members) in parts)
        {
            if (members.Count == 0) throw new InvalidDataException($"nodes: none is in {part}");
        }

        return new(Words(features, labels.Count), Edges(edges, labels.Count), [.. labels], parts.ToDictionary(static p => p.Key, static p => p.Value.ToArray()));
    }

    private static SparseMatrix Words(Stream stream, int nodes)
    {
        var entries = new List<(int Row, int Column, float Value)>();
        int row = 0, width = 0;
        foreach (string line in TextLines.Read(stream, nodes, MaxLine))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            foreach (string word in words)
            {
                int column = Number(word, MaxFeatures) ?? throw new InvalidDataException($"features, line {row + 1}: {word} must be a whole number below {MaxFeatures}");
                width = Math.Max(width, column + 1);
                entries.Add((row, column, 1f / words.Length));
            }

            row++;
        }

        if (row != nodes) throw new InvalidDataException($"features: {row} lines; must have {nodes}, one per node");
        return SparseMatrix.Of(nodes, width, entries);
    }

    private static SparseMatrix Edges(Stream stream, int nodes)
    {
        var pairs = new HashSet<(int, int)>();
        int number = 0;
        foreach (string line in TextLines.Read(stream, MaxEdges, 64))
        {
            number++;
            string[] fields = line.Split('\t');
            if (fields.Length != 2 || Number(fields[0], nodes) is not { } a || Number(fields[1], nodes) is not { } b) throw new InvalidDataException($"edges, line {number}: must be two nodes below {nodes}");
            pairs.Add((a, b));
            pairs.Add((b, a));
        }

        for (int i = 0; i < nodes; i++) pairs.Add((i, i));
        var degree = new int[nodes];
        foreach (var (a, _) in pairs) degree[a]++;
        return SparseMatrix.Of(nodes, nodes, pairs.Select(p => (p.Item1, p.Item2, (float)(1 / Math.Sqrt((double)degree[p.Item1] * degree[p.Item2])))));
    }

    private static int? Number(string text, int limit) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value < limit ? value : null;
}
