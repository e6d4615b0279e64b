using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Any <see cref="IGate"/> inside a torch layer. The tokens come to the host, the routing goes back as constants: experts learn, the gate does not.</summary>
public sealed class HostGate : TorchGate
{
    private readonly IGate _gate;

    /// <summary>Wraps a gate.</summary>
    /// <param name="gate">Gives sparse routings with the same number of choices for every token.</param>
    public HostGate(IGate gate)
        : base(nameof(HostGate), (gate ?? throw new ArgumentNullException(nameof(gate))).ExpertCount)
    {
        _gate = gate;
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The gate gave a routing that is not top-k.</exception>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        float[] x = HostReads.Single(tokens);
        var input = new GateInput(x, checked((int)tokens.shape[1]))
        {
            Selector = context.Selector is { } s ? HostReads.Single(s) : [],
            Padding = Bools(context.Padding),
            ClosedExperts = Bools(context.ClosedExperts),
            GivenExperts = Ints(context.GivenExperts),
            TokenIds = Ints(context.TokenIds),
            TaskIds = Ints(context.TaskIds),
            TypeIds = Ints(context.TypeIds),
            Step = context.Step,
            Training = training,
            Noise = context.Noise,
            NoiseScope = context.NoiseScope,
            SequenceLength = context.SequenceLength,
        };
        if (_gate.Route(input) is not TopKRouting routing)
            throw new NotSupportedException($"gate {_gate.Name} gave a routing that is not top-k; a torch layer needs the same number of choices for every token");
        long[] ids = new long[routing.RouteCount];
        for (int r = 0; r < ids.Length; r++) ids[r] = routing.Plan.IsKept(r) ? routing.ExpertIds[r] : -1;
        long[] shape = [routing.TokenCount, routing.Choices];
        var weights = tensor(routing.Weights.ToArray(), shape).to(tokens.device);
        return RoutingTensors.Of(Experts, tensor(ids, shape).to(tokens.device), weights).MoveToOuterDisposeScope();
    }

    private static int[] Ints(Tensor? tensor) => tensor is null ? [] : Array.ConvertAll(HostReads.Int64(tensor), static v => checked((int)v));

    private static bool[] Bools(Tensor? tensor) => tensor is null ? [] : HostReads.Bool(tensor);
}
