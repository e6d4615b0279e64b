using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Hash, typed and task routing on the device: <see cref="LookupGate"/> as a module, its table a buffer that saves and loads.</summary>
public sealed class TableGate : TorchGate
{
    private readonly Tensor table;

    /// <summary>Makes a gate.</summary>
    /// <param name="lookup">From ids to experts.</param>
    /// <param name="key">Which ids of the context.</param>
    /// <param name="device">Device of the table.</param>
    public TableGate(LookupTable lookup, LookupKey key = LookupKey.Token, Device? device = null)
        : base(nameof(TableGate), (lookup ?? throw new ArgumentNullException(nameof(lookup))).ExpertCount)
    {
        if (!Enum.IsDefined(key)) throw new ArgumentOutOfRangeException(nameof(key), key, "must be a defined key");
        Key = key;
        using var scope = NewDisposeScope();
        table = tensor(Array.ConvertAll(lookup.Experts.ToArray(), static e => (long)e), [lookup.IdCount, lookup.Choices], device: device).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>Which ids.</summary>
    public LookupKey Key { get; }

    /// <inheritdoc/>
    public override int? top_k
    {
        get => (int)table.shape[1];
        set => throw new NotSupportedException("the number of experts per id is fixed by the table");
    }

    /// <summary>The experts of ids, [T, K] int64: what a scoring gate takes as <see cref="GateContext.GivenExperts"/>, so that hashing chooses and scores weigh (DeepSeek-V4).</summary>
    /// <param name="ids">[T] int64, each in the table.</param>
    /// <exception cref="ArgumentException">They are not [T] int64; or, on the CPU, an id is not in the table.</exception>
    public Tensor given_experts(Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        TensorGuard.Vector(ids, ids.numel(), ScalarType.Int64, nameof(ids));
        IdCheck.Throw(ids, 0, table.shape[0], nameof(ids));
        return table.index_select(0, ids);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The context carries no ids of this kind.</exception>
    /// <exception cref="ArgumentException">They are not [T] int64; or, on the CPU, an id is not in the table.</exception>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(context);
        var (carried, name) = Key switch
        {
            LookupKey.Token => (context.TokenIds, nameof(context.TokenIds)),
            LookupKey.Type => (context.TypeIds, nameof(context.TypeIds)),
            _ => (context.TaskIds, nameof(context.TaskIds)),
        };
        var ids = carried ?? throw new InvalidOperationException($"the context has no {name}; this gate routes by them");
        TensorGuard.Vector(ids, tokens.shape[0], ScalarType.Int64, "ids");
        using var scope = NewDisposeScope();
        return GivenRouting.Even(Experts, given_experts(ids), tokens, context).MoveToOuterDisposeScope();
    }
}
