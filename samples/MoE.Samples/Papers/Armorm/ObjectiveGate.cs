using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Armorm;

/// <summary>The gate over objectives: w(x) = s softmax(MLP(q) / 10), three hidden ReLU layers with dropout 0.2, s learned from 1. The softmax runs over objectives; the released script ran it over the two responses of a pair.</summary>
public sealed class ObjectiveGate : nn.Module<Tensor, Tensor>
{
    private readonly Sequential mlp;
    private readonly Parameter scale;

    /// <summary>Makes a gate; its weights come from the global generator.</summary>
    /// <param name="width">Of the prompt's features.</param>
    /// <param name="hidden">Of the three layers.</param>
    /// <param name="objectives">J.</param>
    public ObjectiveGate(int width, int hidden, int objectives)
        : base(nameof(ObjectiveGate))
    {
        Spec = new RouterSpec { Experts = objectives, Score = new() { Function = ScoreFunction.Softmax, Temperature = 10 }, Select = new AllSelection() };
        mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(hidden, objectives));
        scale = nn.Parameter(ones(1));
        RegisterComponents();
    }

    /// <summary>The rule from logits to weights: all objectives, softmax at temperature 10.</summary>
    public RouterSpec Spec { get; }

    /// <summary>s.</summary>
    public double Scale => scale.item<float>();

    /// <inheritdoc/>
    public override Tensor forward(Tensor prompts)
    {
        using var scope = NewDisposeScope();
        var routing = SpecRouting.route(mlp.call(prompts), Spec, training: training);
        return (routing.ToDenseWeights() * scale).MoveToOuterDisposeScope();
    }

    /// <summary>The weights of the released script: softmax over the pair's two equal prompts.</summary>
    /// <param name="prompts">[pairs, width].</param>
    /// <returns>[pairs, 2, J].</returns>
    public Tensor released(Tensor prompts)
    {
        using var scope = NewDisposeScope();
        var pair = stack([mlp.call(prompts), mlp.call(prompts)], 1);
        return pair.div(Spec.Score.Temperature).softmax(1).MoveToOuterDisposeScope();
    }
}
