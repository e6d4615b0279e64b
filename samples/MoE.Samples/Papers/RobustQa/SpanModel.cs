using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.RobustQa;

/// <summary>Words to start and end logits. Padding goes to no expert: in the released code it is routed and takes places.</summary>
public sealed class SpanModel : nn.Module
{
    /// <summary>Number of experts.</summary>
    public const int Experts = 8;

    private const int Width = 64, Hidden = 128;
    private readonly Embedding words;
    private readonly Embedding places;
    private readonly ModuleList<Block> blocks = [];
    private readonly LayerNorm norm;
    private readonly Linear spans;
    private readonly MoELayer? moe;
    private readonly Sequential? dense;
    private readonly INoiseSource _noise;
    private long _step;

    /// <summary>Makes a model; its weights come from the global generator.</summary>
    /// <param name="form">The contender.</param>
    /// <param name="vocabulary">Number of words with padding.</param>
    /// <param name="balancing">The load-balancing loss.</param>
    /// <param name="rule">Of the mixture head: when a second expert is taken.</param>
    /// <param name="noiseSeed">Of the draws of that rule.</param>
    public SpanModel(Form form, int vocabulary, bool balancing, LaterRule rule, long noiseSeed)
        : base(nameof(SpanModel))
    {
        _noise = new SeededNoise((ulong)noiseSeed);
        words = nn.Embedding(vocabulary, Width);
        places = nn.Embedding(SpanSet.Length, Width);
        for (int b = 0; b < 2; b++) blocks.Add(new Block(Width, Hidden, form == Form.Switch ? Layer(RouterProfiles.Switch(Experts, null), balancing ? RouterLoss.LoadBalancing(0.01) : null) : null));
        norm = nn.LayerNorm(Width);
        // The released model stores a coefficient of 0.01 and never applies it: its loss has weight one.
        if (form == Form.MixtureHead) moe = Layer(RouterProfiles.LucidrainsTop2(Experts, rule), balancing ? RouterLoss.SequenceLoadBalancing(1) : null);
        if (form == Form.DenseHead) dense = nn.Sequential(nn.Linear(Width, 2 * Hidden, hasBias: false), nn.ReLU(), nn.Linear(2 * Hidden, Width, hasBias: false));
        spans = nn.Linear(Width, 2);
        RegisterComponents();
    }

    /// <summary>What every mixture did in the last call: routing and losses.</summary>
    public List<MoEResult> Results { get; } = [];

    /// <summary>Start and end logits, [2, B, S]; -infinity at padding. Tensors stay in the caller's scope, those of <see cref="Results"/> too.</summary>
    /// <param name="ids">[B, S].</param>
    public Tensor logits(Tensor ids)
    {
        Results.Clear();
        var padding = ids.eq(0);
        var seen = zeros(ids.shape, dtype: ScalarType.Float32).masked_fill(padding, double.NegativeInfinity);
        // Draws are by step: without another one, two calls would draw the same.
        var context = new GateContext { Padding = padding, SequenceLength = SpanSet.Length, Noise = _noise, Step = ++_step };
        var x = words.call(ids) + places.call(arange(SpanSet.Length, dtype: ScalarType.Int64)).unsqueeze(0);
        foreach (var block in blocks) x = block.run(x, seen.unsqueeze(1).unsqueeze(1), context, Took);
        x = norm.call(x);
        if (dense is not null) x = dense.call(x);
        if (moe is not null)
        {
            var result = moe.route(x, context);
            Took(result);
            x = result.Output;
        }

        return spans.call(x).permute(2, 0, 1) + seen.unsqueeze(0);
    }

    private void Took(MoEResult result) => Results.Add(result);

    private static MoELayer Layer(RouterSpec router, RouterLoss? loss) => new(new MoELayerSpec
    {
        Width = Width,
        Router = router,
        Expert = new() { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = Hidden },
    })
    { Losses = loss is null ? [] : [loss] };
}
