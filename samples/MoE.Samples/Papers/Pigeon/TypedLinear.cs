using MoE.Samples.Graphs;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>One typed product in each layout; all give the same rows.</summary>
/// <param name="layout">The layout.</param>
/// <param name="product">The grouped kernels.</param>
/// <param name="mostCopied">Weights copied per row above this are refused, bytes.</param>
public sealed class TypedLinear(Layout layout, TypedProduct product, long mostCopied = 1L << 30) : IDisposable
{
    // Made once per graph, as the released code does: no layout is timed with its index.
    private readonly Dictionary<TypedRows, (TypedRows Rows, Tensor Map)> _compact = [];
    private readonly Dictionary<TypedRows, (Tensor Types, Tensor Inputs)> _indices = [];

    /// <summary>Bytes of what the layout makes beside its input and weights.</summary>
    public static long Bytes(Layout layout, TypedRows rows, long outputs, long inputs) => layout switch
    {
        Layout.Materialised => rows.Count * outputs * inputs * sizeof(float),
        Layout.Compact => rows.Compact().Rows.Count * outputs * sizeof(float),
        _ => rows.Count * outputs * sizeof(float),
    };

    /// <summary>The product of every row, [rows, N].</summary>
    /// <exception cref="InvalidOperationException">The weights copied per row would take more than is allowed.</exception>
    public Tensor rows(Tensor x, Tensor weights, TypedRows rows)
    {
        using var scope = NewDisposeScope();
        if (layout != Layout.Compact) return products(x, weights, rows).MoveToOuterDisposeScope();
        return products(x, weights, rows).index_select(0, Compacted(rows).Map).MoveToOuterDisposeScope();
    }

    /// <summary>What the layout multiplies: one row each, or one per unique pair where it is compact.</summary>
    /// <exception cref="InvalidOperationException">The weights copied per row would take more than is allowed.</exception>
    public Tensor products(Tensor x, Tensor weights, TypedRows rows)
    {
        using var scope = NewDisposeScope();
        switch (layout)
        {
            case Layout.Segmented:
                return product.multiply(x, weights, rows).MoveToOuterDisposeScope();
            case Layout.Compact:
                return product.multiply(x, weights, Compacted(rows).Rows).MoveToOuterDisposeScope();
            case Layout.Materialised:
                long bytes = Bytes(layout, rows, weights.shape[1], weights.shape[2]);
                if (bytes > mostCopied) throw new InvalidOperationException($"weights copied for {rows.Count:N0} rows take {bytes:N0} bytes; at most {mostCopied:N0} are allowed");
                return weights.index_select(0, Indices(rows).Types).bmm(x.index_select(0, Indices(rows).Inputs).unsqueeze(2)).squeeze(2).MoveToOuterDisposeScope();
            default:
                var (types, inputs) = Indices(rows);
                var parts = new List<Tensor>();
                for (int t = 0; t < rows.Types; t++)
                {
                    var chosen = types.eq(t).nonzero().squeeze(1);
                    parts.Add(x.index_select(0, inputs.index_select(0, chosen)).matmul(weights[t].t()));
                }

                // Rows are sorted by type, so that parts follow each other.
                return cat(parts).MoveToOuterDisposeScope();
        }
    }

    private (Tensor Types, Tensor Inputs) Indices(TypedRows rows)
    {
        if (_indices.TryGetValue(rows, out var known)) return known;
        return _indices[rows] = (tensor(rows.TypeOfRow).DetachFromDisposeScope(), tensor(rows.Inputs).to(ScalarType.Int64).DetachFromDisposeScope());
    }

    private (TypedRows Rows, Tensor Map) Compacted(TypedRows rows)
    {
        if (_compact.TryGetValue(rows, out var known)) return known;
        var (unique, map) = rows.Compact();
        return _compact[rows] = (unique, tensor(map).to(ScalarType.Int64).DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, map) in _compact.Values) map.Dispose();
        foreach (var (types, inputs) in _indices.Values)
        {
            types.Dispose();
            inputs.Dispose();
        }
    }
}
