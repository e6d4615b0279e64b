using MoE.Samples.Digits;
using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>Pixels, a mixture-of-experts layer, ten digits: a small network whose hidden block is an <see cref="MoELayer"/>. Each image is one token.</summary>
public sealed class MoEClassifier : nn.Module<Tensor, Tensor>
{
    private readonly MoELayer moe;
    private readonly Linear head;

    /// <summary>Makes a classifier; its weights come from the global generator.</summary>
    /// <param name="balancing">Coefficient of the load-balancing loss; 0: without.</param>
    public MoEClassifier(double balancing)
        : base(nameof(MoEClassifier))
    {
        moe = new MoELayer(Spec) { Losses = balancing > 0 ? [RouterLoss.LoadBalancing(balancing)] : [] };
        head = nn.Linear(DigitImages.Size, DigitImages.Classes);
        RegisterComponents();
    }

    /// <summary>Eight experts of width 8, routed as in Mixtral: each image goes to its best two, weighted by their softmax scores. Change the profile and run again.</summary>
    public static MoELayerSpec Spec { get; } = new()
    {
        Width = DigitImages.Size,
        Router = RouterProfiles.Mixtral(experts: 8),
        Expert = new() { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = 8, Biases = true },
    };

    /// <summary>The mixture-of-experts layer.</summary>
    public MoELayer Layer => moe;

    /// <summary>Where this gives experts for a number of images, [images, k], they are taken instead of the router's choice.</summary>
    public Func<long, Tensor>? GivenExperts { get; init; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var context = GivenExperts is null ? GateContext.Empty : new GateContext { GivenExperts = GivenExperts(images.shape[0]) };
        return head.call(moe.route(images, context).Output).MoveToOuterDisposeScope();
    }
}
