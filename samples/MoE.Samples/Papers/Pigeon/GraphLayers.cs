using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>The three layers of the paper over a typed product, one head each. Reordering makes products of weights first where that leaves less to do per edge.</summary>
/// <param name="graph">The graph.</param>
/// <param name="linear">The typed product.</param>
/// <param name="scalars">The typed product for one output per row; segmented unless the layout cannot.</param>
/// <param name="reordered">Products of weights first.</param>
public sealed class GraphLayers(TypedGraph graph, TypedLinear linear, TypedLinear scalars, bool reordered)
{
    /// <summary>RGCN: tanh(W_0 h + sum over edges into t of c_e W_r h_s).</summary>
    /// <param name="h">[nodes, D].</param>
    /// <param name="own">W_0 [D, D].</param>
    /// <param name="weights">W [relations, D, D].</param>
    public Tensor rgcn(Tensor h, Tensor own, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var messages = linear.rows(h, weights, graph.BySource) * graph.Normaliser.unsqueeze(1);
        return (h.matmul(own.t()) + Sum(messages)).tanh().MoveToOuterDisposeScope();
    }

    /// <summary>RGAT: sum over edges into t of softmax(LeakyReLU(a_r . [W_r h_s; W_r h_t])) W_r h_s.</summary>
    /// <param name="h">[nodes, D].</param>
    /// <param name="weights">W [relations, D, D].</param>
    /// <param name="attention">a [relations, 2, D].</param>
    public Tensor rgat(Tensor h, Tensor weights, Tensor attention)
    {
        using var scope = NewDisposeScope();
        var messages = linear.rows(h, weights, graph.BySource);
        var gates = EdgeGates.softmax(nn.functional.leaky_relu(rgat_logits(h, weights, attention, messages), 0.2), graph.Targets, graph.Nodes);
        return Sum(messages * gates.unsqueeze(1)).MoveToOuterDisposeScope();
    }

    /// <summary>The attention logits of RGAT, [edges]. Reordered: a_r . W_r h = (W_r^T a_r) . h, a vector per relation instead of a matrix per edge.</summary>
    /// <param name="h">[nodes, D].</param>
    /// <param name="weights">W [relations, D, D].</param>
    /// <param name="attention">a [relations, 2, D].</param>
    /// <param name="messages">W_r h_s where it is at hand, or null.</param>
    public Tensor rgat_logits(Tensor h, Tensor weights, Tensor attention, Tensor? messages = null)
    {
        using var scope = NewDisposeScope();
        if (reordered)
        {
            var vectors = attention.bmm(weights);
            return (scalars.rows(h, vectors.narrow(1, 0, 1), graph.BySource) + scalars.rows(h, vectors.narrow(1, 1, 1), graph.ByTarget)).squeeze(1).MoveToOuterDisposeScope();
        }

        var source = messages ?? linear.rows(h, weights, graph.BySource);
        var target = linear.rows(h, weights, graph.ByTarget);
        return (scalars.rows(source, attention.narrow(1, 0, 1), graph.Own) + scalars.rows(target, attention.narrow(1, 1, 1), graph.Own)).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// HGT: edges weigh softmax((K_T(s) h_s W_r^att) . (Q_T(t) h_t) mu_r / sqrt(D)), their messages V_T(s) h_s W_r^msg are summed, and A_T(t) maps the sum, added to h by sigmoid(skip). Reordered: the products W_r K_T and W_r V_T come first,
    /// and edges are typed by relation and type of source.
    /// </summary>
    /// <param name="h">[nodes, D].</param>
    /// <param name="nodes">K, Q, V, A, each [node types, D, D].</param>
    /// <param name="edges">W^att and W^msg, each [relations, D, D].</param>
    /// <param name="prior">mu [relations].</param>
    /// <param name="skip">[node types].</param>
    public Tensor hgt(Tensor h, (Tensor K, Tensor Q, Tensor V, Tensor A) nodes, (Tensor Attention, Tensor Message) edges, Tensor prior, Tensor skip)
    {
        using var scope = NewDisposeScope();
        var q = ByNode(h, nodes.Q).index_select(0, graph.Targets);
        var keys = Chain(h, nodes.K, edges.Attention);
        var values = Chain(h, nodes.V, edges.Message);
        var logits = (keys * q).sum(1) * prior.index_select(0, graph.Types) / Math.Sqrt(h.shape[1]);
        var gates = EdgeGates.softmax(logits, graph.Targets, graph.Nodes);
        var mapped = ByNode(Sum(values * gates.unsqueeze(1)), nodes.A);
        var open = skip.sigmoid().index_select(0, arange(graph.Nodes, dtype: ScalarType.Int64).remainder(TypedGraph.NodeTypes)).unsqueeze(1);
        return (open * mapped + (1 - open) * h).MoveToOuterDisposeScope();
    }

    // W_r N_T(s) h_s per edge.
    private Tensor Chain(Tensor h, Tensor byNode, Tensor byEdge)
    {
        if (!reordered) return linear.rows(ByNode(h, byNode), byEdge, graph.BySource);
        var pairs = byEdge.unsqueeze(1).matmul(byNode.unsqueeze(0)).flatten(0, 1);
        return linear.rows(h, pairs, graph.ByTypeAndSource).index_select(0, graph.PairPlaces);
    }

    private Tensor ByNode(Tensor h, Tensor weights) => linear.rows(h, weights, graph.NodesByType).index_select(0, graph.NodePlaces);

    private Tensor Sum(Tensor messages) => zeros([graph.Nodes, messages.shape[1]], dtype: ScalarType.Float32).index_add(0, graph.Targets, messages, 1);
}
