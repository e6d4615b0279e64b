using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Skills mixed by task before the product (Polytropon, Ponti et al. 2023; with splits, multi-head routing, Caccia et al. 2023): <c>y = W x + x A B / r</c> with A and B weighted sums of the skills' factors, a sum per
/// split of the features. Modules and parameters: <c>base_layer</c>, <c>module_logits</c> [tasks, splits * skills], <c>lora_A</c> [splits, skills, in / splits, r], <c>lora_B</c> [splits, skills, r, out / splits].
/// </summary>
public sealed class PolyLinear : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>What the noise of training is drawn for; see <see cref="NoiseNames"/>.</summary>
    public const string NoisePurpose = "poly";

    private readonly Linear base_layer;
    private readonly Parameter module_logits;
    private readonly Parameter lora_A;
    private readonly Parameter lora_B;

    /// <summary>Makes a layer. A is drawn as a linear layer's weight, B is zero, logits are near zero.</summary>
    /// <param name="layer">The base layer; owned by this module from now on.</param>
    /// <param name="tasks">Number of tasks, positive.</param>
    /// <param name="skills">Number of skills, positive.</param>
    /// <param name="rank">r, positive.</param>
    /// <param name="splits">Splits of the features, positive; divides both widths.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="ArgumentException">The splits do not divide the widths.</exception>
    public PolyLinear(Linear layer, int tasks, int skills, int rank, int splits = 1, Generator? generator = null)
        : base(nameof(PolyLinear))
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tasks);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(skills);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(splits);
        long outputs = layer.weight.shape[0], inputs = layer.weight.shape[1];
        if (inputs % splits != 0 || outputs % splits != 0) throw new ArgumentException($"splits = {splits}: must divide the widths of the layer ({inputs} and {outputs})", nameof(splits));
        base_layer = layer;
        Skills = skills;
        Splits = splits;
        Rank = rank;
        using (var scope = NewDisposeScope())
        {
            var logits = empty(tasks, splits * skills).uniform_(-1e-3, 1e-3, generator);
            module_logits = new Parameter(logits.DetachFromDisposeScope());
        }

        lora_A = Initial.Linear([splits, skills, inputs / splits, rank], inputs, null, null, generator);
        lora_B = Initial.Zeros([splits, skills, rank, outputs / splits], null, null);
        RegisterComponents();
    }

    /// <summary>Number of skills.</summary>
    public int Skills { get; }

    /// <summary>Splits of the features.</summary>
    public int Splits { get; }

    /// <summary>r.</summary>
    public int Rank { get; }

    /// <summary>Where the relaxed Bernoulli noise of training comes from; null: none, and training mixes as evaluation does.</summary>
    public INoiseSource? Noise { get; set; }

    /// <summary>First part of the names of draws.</summary>
    public string NoiseScope { get; set; } = NoiseNames.DefaultScope;

    /// <summary>Step of the draws.</summary>
    public long Step { get; set; }

    /// <summary>The weights of the skills: sigmoid(logits of the task), in training relaxed Bernoulli draws, divided by their sum + 1e-12.</summary>
    /// <param name="tasks">[B] int64.</param>
    /// <returns>[B, splits, skills].</returns>
    public Tensor weights(Tensor tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        TensorGuard.Vector(tasks, tasks.dim() == 1 ? tasks.shape[0] : -1, ScalarType.Int64, nameof(tasks));
        using var scope = NewDisposeScope();
        var logits = module_logits.index_select(0, tasks).view(-1, Splits, Skills);
        var open = training && Noise is not null
            ? UnitGates.concrete(logits, NoiseDraw.Of(new GateContext { Noise = Noise, NoiseScope = NoiseScope, Step = Step }, NoisePurpose, NoiseKind.Uniform, logits.shape, logits))
            : logits.sigmoid();
        return (open / open.sum([-1L], keepdim: true).add(1e-12)).MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, ..., in].</param>
    /// <param name="tasks">[B] int64: the task of each sample.</param>
    /// <returns>[B, ..., out].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public override Tensor forward(Tensor x, Tensor tasks)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(tasks);
        if (x.dim() < 2 || x.shape[^1] != base_layer.weight.shape[1]) throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [B, ..., {base_layer.weight.shape[1]}]", nameof(x));
        TensorGuard.Vector(tasks, x.shape[0], ScalarType.Int64, nameof(tasks));
        using var scope = NewDisposeScope();
        long batch = x.shape[0];
        var mix = weights(tasks);
        var a = einsum("bqs,qsdr->bqdr", mix, lora_A).reshape(batch, -1, Rank);
        var b = einsum("bqs,qsrd->bqrd", mix, lora_B).transpose(1, 2).reshape(batch, Rank, -1);
        var rows = x.view(batch, -1, x.shape[^1]);
        var update = rows.bmm(a).bmm(b).div(Rank);
        return (base_layer.call(x) + update.view([.. x.shape[..^1], update.shape[^1]])).MoveToOuterDisposeScope();
    }
}
