using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe;

/// <summary>Two classification tasks on the library's multi-gate mixture, CGC or PLE, or on a rival of about as many parameters. A task may have an input of its own.</summary>
public sealed class TaskModel : nn.Module<IReadOnlyList<Tensor>, Tensor>
{
    /// <summary>Tasks, experts, units of an expert, units of a tower's hidden layer, width of the shared bottom.</summary>
    public const int Tasks = 2, Experts = 8, Units = 16, Tower = 8, SharedWidth = 113;

    private readonly TaskArchitecture _architecture;
    private readonly ModuleList<nn.Module<Tensor, Tensor>>? bottoms;
    private readonly CustomizedGateControl? level;
    private readonly ProgressiveLayeredExtraction? levels;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> towers;

    /// <summary>Makes one with new weights.</summary>
    /// <param name="architecture">What stands below the towers.</param>
    /// <param name="width">Width of the input.</param>
    public TaskModel(TaskArchitecture architecture, int width)
        : base(nameof(TaskModel))
    {
        _architecture = architecture;
        int mixed = architecture is TaskArchitecture.Single or TaskArchitecture.SharedBottom ? SharedWidth : Units;
        switch (architecture)
        {
            case TaskArchitecture.Single: bottoms = new([Layer(width, SharedWidth), Layer(width, SharedWidth)]); break;
            case TaskArchitecture.SharedBottom: bottoms = new([Layer(width, SharedWidth)]); break;
            case TaskArchitecture.OneGate: level = CustomizedGateControl.MultiGate(Layers(Experts, width), [Gate(width, Experts)]); break;
            case TaskArchitecture.MultiGate: level = CustomizedGateControl.MultiGate(Layers(Experts, width), [Gate(width, Experts), Gate(width, Experts)]); break;
            case TaskArchitecture.CustomizedGate: level = Level(width, passes: false); break;
            default: levels = new([Level(width, passes: true), Level(Units, passes: false)]); break;
        }

        towers = new([.. Enumerable.Range(0, Tasks).Select(_ => (nn.Module<Tensor, Tensor>)nn.Sequential(nn.Linear(mixed, Tower), nn.ReLU(), nn.Linear(Tower, 1)))]);
        RegisterComponents();
    }

    /// <summary>Logits of both tasks, [B, 2].</summary>
    /// <param name="input">For each task what its gate and its experts see, [B, width]: the same tensor twice, or one of its own.</param>
    public override Tensor forward(IReadOnlyList<Tensor> input)
    {
        using var scope = NewDisposeScope();
        var seen = ReferenceEquals(input[0], input[1]) ? Mix(input[0]) : [Mix(input[0])[0], Mix(input[1])[1]];
        return cat([.. towers.Zip(seen, static (tower, s) => tower.call(s))], 1).MoveToOuterDisposeScope();
    }

    // What the towers of both tasks see.
    private IReadOnlyList<Tensor> Mix(Tensor x) => _architecture switch
    {
        TaskArchitecture.Single => [bottoms![0].call(x), bottoms[1].call(x)],
        TaskArchitecture.SharedBottom => [.. Enumerable.Repeat(bottoms![0].call(x), Tasks)],
        TaskArchitecture.OneGate => [.. Enumerable.Repeat(level!.mix(x).Tasks[0], Tasks)],
        TaskArchitecture.Progressive => levels!.extract(x).Tasks,
        _ => level!.mix(x).Tasks,
    };

    // Two experts per task and four for both.
    private static CustomizedGateControl Level(int width, bool passes) => new(
        Layers(4, width), [Layers(2, width), Layers(2, width)], [Gate(width, 6), Gate(width, 6)], passes ? Gate(width, 8) : null);

    private static nn.Module<Tensor, Tensor>[] Layers(int count, int width) => [.. Enumerable.Range(0, count).Select(_ => Layer(width, Units))];

    private static Sequential Layer(int width, int units) => nn.Sequential(nn.Linear(width, units), nn.ReLU());

    private static Linear Gate(int width, int experts) => nn.Linear(width, experts, hasBias: false);
}
