using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>An expert that sees every token: a feed-forward network of the same form as the routed ones. Parameters <c>gate</c>, <c>up</c> [Fs, D], <c>down</c> [D, Fs], and biases as theirs.</summary>
public sealed class SharedExpert : nn.Module<Tensor, Tensor>
{
    private readonly Parameter? gate;
    private readonly Parameter up;
    private readonly Parameter down;
    private readonly Parameter? gate_bias;
    private readonly Parameter? up_bias;
    private readonly Parameter? down_bias;

    /// <summary>Makes a shared expert.</summary>
    /// <param name="form">Form and activation; its width is not used.</param>
    /// <param name="shared">The width.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public SharedExpert(ExpertSpec form, SharedExpertSpec shared, int width, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(SharedExpert))
    {
        ArgumentNullException.ThrowIfNull(form);
        ArgumentNullException.ThrowIfNull(shared);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        Spec = form with { Width = shared.Width };
        long d = width, f = shared.Width;
        if (form.Form == ExpertForm.Glu) gate = Initial.Linear([f, d], d, dtype, device, generator);
        up = Initial.Linear([f, d], d, dtype, device, generator);
        down = Initial.Linear([d, f], f, dtype, device, generator);
        if (form.Biases)
        {
            if (form.Form == ExpertForm.Glu) gate_bias = Initial.Zeros([f], dtype, device);
            up_bias = Initial.Zeros([f], dtype, device);
            down_bias = Initial.Zeros([d], dtype, device);
        }

        RegisterComponents();
    }

    /// <summary>The form, with the shared width.</summary>
    public ExpertSpec Spec { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return FeedForward.Forward(Spec, x, gate, up, down, gate_bias, up_bias, down_bias).MoveToOuterDisposeScope();
    }
}
