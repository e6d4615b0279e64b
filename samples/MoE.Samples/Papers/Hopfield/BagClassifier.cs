using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>A pooling of the bag and a linear score; the released code pools pixels, a variant puts an encoder for each image before it. Only the pooling differs between contenders.</summary>
public sealed class BagClassifier : nn.Module<Tensor, Tensor>
{
    private const int Features = 32, Hidden = 32;
    private readonly Linear? encode;
    private readonly Linear score;
    private readonly AssociativePooling? associate;
    private readonly Linear? value;
    private readonly Pooling _pooling;

    /// <summary>Makes a classifier; its weights come from the global generator.</summary>
    /// <param name="pooling">The contender.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="encoded">Each image passes a ReLU layer first.</param>
    public BagClassifier(Pooling pooling, int width, bool encoded)
        : base(nameof(BagClassifier))
    {
        _pooling = pooling;
        if (encoded) encode = nn.Linear(width, Features);
        int columns = encoded ? Features : width;
        score = nn.Linear(Hidden, 1);
        // The rivals keep the associative layer's value matrix, so that they lose the association alone.
        if (pooling is Pooling.Hopfield or Pooling.Flat) associate = new AssociativePooling(columns, Hidden, pooling == Pooling.Flat ? 0 : null);
        else value = nn.Linear(columns, Hidden, hasBias: false);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor bag)
    {
        using var scope = NewDisposeScope();
        var rows = encode is null ? bag : encode.call(bag).relu();
        var pooled = _pooling switch
        {
            Pooling.Mean => value!.call(rows).mean([0], keepdim: true),
            Pooling.Max => value!.call(rows).max(0, keepdim: true).values,
            _ => associate!.call(rows),
        };
        return score.call(pooled).view(1).MoveToOuterDisposeScope();
    }
}
