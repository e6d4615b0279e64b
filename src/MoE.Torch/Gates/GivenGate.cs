using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A gate without a scorer: the caller gives every token's experts (<see cref="GateContext.GivenExperts"/>), and each of them weighs 1/n of a token with n. Typed routing, hand-made mixtures.</summary>
public sealed class GivenGate : TorchGate
{
    private readonly int _choices;

    /// <summary>Makes a gate.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="choices">K, 1..E.</param>
    public GivenGate(int experts, int choices = 1)
        : base(nameof(GivenGate), experts)
    {
        if (choices < 1 || choices > experts) throw new ArgumentOutOfRangeException(nameof(choices), choices, $"must be in 1..{experts}");
        _choices = choices;
    }

    /// <inheritdoc/>
    public override int? top_k
    {
        get => _choices;
        set => throw new NotSupportedException("the number of given experts is fixed");
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The context gives no experts.</exception>
    /// <exception cref="ArgumentException">They are not [T, K] int64; or, on the CPU, one is not an expert.</exception>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(context);
        var given = context.GivenExperts ?? throw new InvalidOperationException("context.GivenExperts is null; this gate chooses nothing by itself");
        if (given.dim() != 2 || given.shape[0] != tokens.shape[0] || given.shape[1] != _choices || given.dtype != ScalarType.Int64)
            throw new ArgumentException($"givenExperts is {given.dtype} {TensorGuard.Shape(given)}; must be Int64 [{tokens.shape[0]}, {_choices}]", nameof(context));
        IdCheck.Given(given, Experts, context);
        using var scope = NewDisposeScope();
        return GivenRouting.Even(Experts, given, tokens, context).MoveToOuterDisposeScope();
    }
}

/// <summary>Routings of given experts.</summary>
internal static class GivenRouting
{
    /// <summary>Each expert of a token weighs the same; -1 is none.</summary>
    public static RoutingTensors Even(int experts, Tensor ids_TK, Tensor tokens, GateContext context)
    {
        if (context.ClosedExperts is { } closed) ids_TK = ids_TK.masked_fill(closed.index_select(0, ids_TK.clamp_min(0).flatten()).view(ids_TK.shape), -1);
        if (context.Padding is { } padding) ids_TK = ids_TK.masked_fill(padding.unsqueeze(1), -1);
        var there_TK = ids_TK.ge(0);
        var type = tokens.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var weights_TK = there_TK.to(type) / there_TK.sum(1, keepdim: true).clamp_min(1).to(type);
        return RoutingTensors.Of(experts, ids_TK.alias(), weights_TK);
    }
}
