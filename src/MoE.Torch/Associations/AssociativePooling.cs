using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Pools a set of rows to one by a learned state pattern (HopfieldPooling): softmax(beta q k^T) v with keys and values linear in the rows. Parameter <c>query</c> [1, H]; modules <c>key</c>, <c>value</c>.</summary>
public sealed class AssociativePooling : nn.Module<Tensor, Tensor>
{
    private readonly Parameter query;
    private readonly Linear key;
    private readonly Linear value;

    /// <summary>Makes a pooling layer.</summary>
    /// <param name="width">D of the rows, positive.</param>
    /// <param name="hidden">H of queries, keys and values, positive.</param>
    /// <param name="beta">Finite, not negative; null: 1 / sqrt(H).</param>
    /// <param name="generator">Source of the query; the global one by default.</param>
    public AssociativePooling(int width, int hidden, double? beta = null, Generator? generator = null)
        : base(nameof(AssociativePooling))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        if (beta is { } given && (!double.IsFinite(given) || given < 0)) throw new ArgumentOutOfRangeException(nameof(beta), beta, "must be finite and not negative");
        Beta = beta ?? 1 / Math.Sqrt(hidden);
        query = Initial.Linear([1, hidden], hidden, null, null, generator);
        key = nn.Linear(width, hidden, hasBias: false);
        value = nn.Linear(width, hidden, hasBias: false);
        RegisterComponents();
    }

    /// <summary>1 / temperature.</summary>
    public double Beta { get; }

    /// <summary>Pools one set.</summary>
    /// <param name="rows">[M, D], M positive.</param>
    /// <returns>[1, H].</returns>
    public override Tensor forward(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        using var scope = NewDisposeScope();
        return Associations.association(query, key.call(rows), Beta).matmul(value.call(rows)).MoveToOuterDisposeScope();
    }
}
