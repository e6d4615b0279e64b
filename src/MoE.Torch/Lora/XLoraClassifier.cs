using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// X-LoRA's gate: from the last hidden state of a pass without adapters to a weight for every token, layer and adapter. A stack of linear layers with ReLU and dropout between them. Modules <c>layers.0</c>, <c>layers.1</c>, ...
/// </summary>
public sealed class XLoraClassifier : nn.Module<Tensor, Tensor>
{
    private readonly ModuleList<Linear> layers;
    private readonly XLoraSpec _spec;

    /// <summary>Makes a classifier.</summary>
    /// <param name="spec">Its form.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public XLoraClassifier(XLoraSpec spec)
        : base(nameof(XLoraClassifier))
    {
        ArgumentNullException.ThrowIfNull(spec);
        _spec = spec.Checked();
        long outputs = checked((long)spec.Adapters * (spec.LayerWise ? spec.Layers : 1));
        var linears = new List<Linear>();
        for (int d = 0; d < spec.Depth; d++)
            linears.Add(nn.Linear(d == 0 ? spec.Hidden : spec.Width, d == spec.Depth - 1 ? outputs : spec.Width, spec.Bias));
        layers = new ModuleList<Linear>([.. linears]);
        RegisterComponents();
    }

    /// <summary>The form.</summary>
    public XLoraSpec Spec => _spec;

    /// <summary>The scalings.</summary>
    /// <param name="hidden">[B, T, D] or [T, D].</param>
    /// <returns>[B, T, L, n] or [T, L, n]; rows over n sum to one with the softmax.</returns>
    /// <exception cref="ArgumentException">The width is wrong.</exception>
    public override Tensor forward(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        TensorGuard.LastDimension(hidden, _spec.Hidden, nameof(hidden));
        using var scope = NewDisposeScope();
        var h = hidden;
        for (int d = 0; d < layers.Count; d++)
        {
            h = layers[d].call(h);
            if (d == layers.Count - 1 || !_spec.ReluAndDropout) continue;
            h = nn.functional.relu(h);
            if (training && _spec.Dropout > 0) h = nn.functional.dropout(h, _spec.Dropout, true);
        }

        long[] leading = hidden.shape[..^1];
        var logits = _spec.LayerWise
            ? h.view([.. leading, _spec.Layers, _spec.Adapters])
            : h.unsqueeze(-2).expand([.. leading, _spec.Layers, _spec.Adapters]);
        return (_spec.Softmax ? logits.div(_spec.Temperature).softmax(-1) : logits.contiguous()).MoveToOuterDisposeScope();
    }
}
