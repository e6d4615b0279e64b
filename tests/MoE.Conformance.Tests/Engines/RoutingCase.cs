using MoE.Conformance.Runner;
using MoE.Torch;
using static TorchSharp.torch;

namespace MoE.Conformance.Engines;

/// <summary>One call of a router on both engines.</summary>
internal sealed record RoutingCase
{
    public required RouterSpec Router { get; init; }

    /// <summary>[T, E]; null where the adapter has the logits from a module.</summary>
    public GoldenTensor? Logits { get; init; }

    public INoiseSource? Noise { get; init; }

    public bool Training { get; init; }

    public int SequenceLength { get; init; }

    public GoldenTensor? Padding { get; init; }

    public GateContext Context(GoldenTensor? replay = null) => new()
    {
        Noise = Noise,
        SequenceLength = SequenceLength,
        Padding = TorchValues.Tensor(Padding),
        GivenExperts = TorchValues.Tensor(replay),
    };

    public RoutingTensors Torch(Tensor logits, GoldenTensor? replay = null) => SpecRouting.route(logits, Router, null, Context(replay), Training);

    public TopKRouting Managed(GoldenTensor? replay = null) => Managed(HostValues.Floats(Logits!), replay);

    public TopKRouting Managed(float[] logits, GoldenTensor? replay = null) => ReferenceRouter.Route(logits, Router, new RouteOptions
    {
        Noise = Noise,
        SequenceLength = SequenceLength,
        Training = Training,
        Padding = HostValues.Bools(Padding),
        GivenExperts = HostValues.Ints(replay),
        KeepScores = true,
    });
}
