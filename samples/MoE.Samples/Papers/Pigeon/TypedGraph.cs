using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>A graph with typed edges, prepared once: edges sorted by relation, from the view of their sources and of their targets, plain and without repetitions. Nodes have three types by their number, as none of the graphs types them.</summary>
public sealed class TypedGraph : IDisposable
{
    /// <summary>Types of nodes.</summary>
    public const int NodeTypes = 3;

    /// <summary>Prepares a graph.</summary>
    public TypedGraph(TypedTriples edges)
    {
        Nodes = edges.Nodes;
        BySource = TypedRows.Sort(edges.Heads, edges.Relations, Nodes, edges.Types);
        ByTarget = BySource.With([.. BySource.Order.Select(e => edges.Tails[e])], Nodes);
        Own = BySource.With([.. Enumerable.Range(0, BySource.Count)], BySource.Count);
        NodesByType = TypedRows.Sort([.. Enumerable.Range(0, Nodes)], [.. Enumerable.Range(0, Nodes).Select(static n => n % NodeTypes)], Nodes, NodeTypes);
        ByTypeAndSource = TypedRows.Sort(BySource.Inputs, [.. BySource.TypeOfRow.Select((t, e) => (int)t * NodeTypes + BySource.Inputs[e] % NodeTypes)], Nodes, edges.Types * NodeTypes);
        Targets = tensor(ByTarget.Inputs).to(ScalarType.Int64);
        Types = tensor(BySource.TypeOfRow);
        var degree = Targets.bincount(null, Nodes).clamp_min(1).to(ScalarType.Float32);
        Normaliser = degree.index_select(0, Targets).reciprocal();
        var (places, back) = (new long[Nodes], new long[BySource.Count]);
        for (int r = 0; r < Nodes; r++) places[NodesByType.Order[r]] = r;
        for (int r = 0; r < back.Length; r++) back[ByTypeAndSource.Order[r]] = r;
        NodePlaces = tensor(places);
        PairPlaces = tensor(back);
    }

    /// <summary>Number of nodes.</summary>
    public int Nodes { get; }

    /// <summary>Edges by relation, reading their sources.</summary>
    public TypedRows BySource { get; }

    /// <summary>The same edges, reading their targets.</summary>
    public TypedRows ByTarget { get; }

    /// <summary>The same edges, reading a row of their own.</summary>
    public TypedRows Own { get; }

    /// <summary>Nodes by node type.</summary>
    public TypedRows NodesByType { get; }

    /// <summary>Edges by relation and type of source, reading their sources.</summary>
    public TypedRows ByTypeAndSource { get; }

    /// <summary>[edges]: target nodes.</summary>
    public Tensor Targets { get; }

    /// <summary>[edges]: relations.</summary>
    public Tensor Types { get; }

    /// <summary>[edges]: one over the number of edges into the target.</summary>
    public Tensor Normaliser { get; }

    /// <summary>[nodes]: where each node is among <see cref="NodesByType"/>.</summary>
    public Tensor NodePlaces { get; }

    /// <summary>[edges]: where each edge is among <see cref="ByTypeAndSource"/>.</summary>
    public Tensor PairPlaces { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var held in new[] { Targets, Types, Normaliser, NodePlaces, PairPlaces }) held.Dispose();
    }
}
