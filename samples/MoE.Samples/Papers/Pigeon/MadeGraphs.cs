using MoE.Samples.Data.Sets;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>Made graphs for controls: what compaction, segments and balance can and cannot do.</summary>
public static class MadeGraphs
{
    /// <summary>Every pair of source and relation once: nothing to save.</summary>
    public static TypedTriples Unique(int edges, int relations) =>
        new([.. Enumerable.Range(0, edges)], [.. Enumerable.Range(0, edges).Select(e => e % relations)], [.. Enumerable.Range(0, edges).Select(e => edges - 1 - e)], edges, relations);

    /// <summary>Sources at random, sizes of relations equal or by Zipf's law; as many edges either way.</summary>
    public static TypedTriples Random(int edges, int nodes, int relations, bool zipf, Random random)
    {
        double total = Enumerable.Range(1, relations).Sum(static r => 1.0 / r);
        var types = new List<int>(edges);
        for (int r = 0; r < relations && types.Count < edges; r++)
        {
            int size = zipf ? (int)Math.Ceiling(edges / (total * (r + 1))) : (edges + relations - 1) / relations;
            types.AddRange(Enumerable.Repeat(r, Math.Min(size, edges - types.Count)));
        }

        while (types.Count < edges) types.Add(0);
        int[] Draw() => [.. Enumerable.Range(0, edges).Select(_ => random.Next(nodes))];
        return new(Draw(), [.. types], Draw(), nodes, relations);
    }

    /// <summary>Some edges of a graph, drawn without replacement; nodes are numbered anew, relations are kept.</summary>
    public static TypedTriples Sample(TypedTriples graph, int edges, Random random)
    {
        int[] chosen = [.. Enumerable.Range(0, graph.Count)];
        random.Shuffle(chosen);
        Array.Resize(ref chosen, Math.Min(edges, graph.Count));
        var ids = new Dictionary<int, int>();
        int Id(int node)
        {
            if (!ids.TryGetValue(node, out int id)) ids.Add(node, id = ids.Count);
            return id;
        }

        int[] heads = [.. chosen.Select(e => Id(graph.Heads[e]))], tails = [.. chosen.Select(e => Id(graph.Tails[e]))];
        return new(heads, [.. chosen.Select(e => graph.Relations[e])], tails, ids.Count, graph.Types);
    }
}
