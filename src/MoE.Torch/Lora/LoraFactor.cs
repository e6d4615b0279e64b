using TorchSharp;
using TorchSharp.Modules;

namespace MoE.Torch;

/// <summary>One low-rank factor, under the name that PEFT gives it: parameter <c>weight</c>.</summary>
public sealed class LoraFactor : torch.nn.Module
{
    private readonly Parameter weight;

    internal LoraFactor(Parameter weight)
        : base(nameof(LoraFactor))
    {
        this.weight = weight;
        RegisterComponents();
    }

    /// <summary>The factor.</summary>
    public Parameter Weight => weight;
}
