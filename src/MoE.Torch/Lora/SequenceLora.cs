using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// SteloCoder's mixing: one gate in front of the model decides for whole sequences and all layers. Training mixes densely; inference decides once on the prompt and keeps the decision while the continuation is decoded, however
/// few tokens each step sees. Trainable: the gate.
/// </summary>
public sealed class SequenceLora : nn.Module
{
    private readonly SequenceMaxGate gate;
    private readonly Func<LoraModel> _lora;
    private readonly List<Tensor> _decision = [];

    /// <summary>Makes a mixer.</summary>
    /// <param name="lora">The model's adapters; they stay the caller's, and are frozen.</param>
    /// <param name="gate">Owned by this module; over as many experts as there are adapters.</param>
    public SequenceLora(LoraModel lora, SequenceMaxGate gate)
        : base(nameof(SequenceLora))
    {
        ArgumentNullException.ThrowIfNull(lora);
        ArgumentNullException.ThrowIfNull(gate);
        this.gate = gate;
        _lora = () => lora;
        foreach (var parameter in lora.parameters()) parameter.requires_grad = false;
        RegisterComponents();
    }

    /// <summary>The gate.</summary>
    public SequenceMaxGate Gate => gate;

    /// <summary>The decision in force, an adapter per sequence; null: none.</summary>
    public IReadOnlyList<int>? Decision => _decision.Count == 0 ? null : [.. HostReads.Int64(_decision[0]).Select(static e => (int)e)];

    /// <summary>Mixes densely by the softmax of the gate, differentiable: for training, whatever mode the gate is in.</summary>
    /// <param name="embeddings">Token and position embeddings, [B, T, D].</param>
    /// <param name="padding">[B, T] bool, true for padding; or null.</param>
    /// <returns>The weights, [B, n].</returns>
    public Tensor Mix(Tensor embeddings, Tensor? padding = null)
    {
        var weights = gate.soft_weights(embeddings, padding);
        _lora().Mix = new ScaledLoraMix(weights);
        return weights;
    }

    /// <summary>Decides on the prompts and acts so until the next decision or <see cref="Reset"/>.</summary>
    /// <param name="embeddings">Token and position embeddings of the prompts, [B, T, D].</param>
    /// <param name="padding">[B, T] bool, true for padding; or null.</param>
    public void Decide(Tensor embeddings, Tensor? padding = null) => Use(gate.decide(embeddings, padding));

    /// <summary>Acts with given adapters, whatever the gate would say.</summary>
    /// <param name="adapters">[B] int64, each 0..n - 1; copied.</param>
    public void Set(Tensor adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        TensorGuard.Vector(adapters, adapters.numel(), ScalarType.Int64, nameof(adapters));
        IdCheck.Throw(adapters, 0, _lora().Adapters.Count, nameof(adapters));
        Use(adapters.clone());
    }

    /// <summary>Forgets the decision: the base alone acts.</summary>
    public void Reset()
    {
        foreach (var tensor in _decision) tensor.Dispose();
        _decision.Clear();
        _lora().Mix = LoraMix.None;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var tensor in _decision) tensor.Dispose();
            _decision.Clear();
        }

        base.Dispose(disposing);
    }

    private void Use(Tensor adapters)
    {
        Reset();
        _decision.Add(adapters.DetachFromDisposeScope());
        _lora().Mix = new RowLoraMix(adapters);
    }
}
