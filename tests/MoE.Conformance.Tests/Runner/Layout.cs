namespace MoE.Conformance.Runner;

/// <summary>How tensors of a peer lie in those of the library, both ways: weights go in, gradients come back. Moves only.</summary>
/// <param name="ToLibrary">The peer's tensors as the library's.</param>
/// <param name="ToPeer">The library's tensors as the peer's.</param>
internal sealed record Layout(
    Func<IReadOnlyList<GoldenTensor>, IReadOnlyList<GoldenTensor>> ToLibrary,
    Func<IReadOnlyList<GoldenTensor>, IReadOnlyList<GoldenTensor>> ToPeer)
{
    /// <summary>One tensor, as it is.</summary>
    public static Layout Same { get; } = One(static t => t, static t => t);

    /// <summary>One tensor, last two dimensions swapped: <c>x W</c> against <c>x W^T</c>.</summary>
    public static Layout Transposed { get; } = One(static t => t.Transpose(), static t => t.Transpose());

    /// <summary>[E, 2F, D] with all gate rows first, as gate and up [E, F, D].</summary>
    public static Layout GateThenUp { get; } = Two(
        static t => (t.Slice(1, 0, t.Size(1) / 2), t.Slice(1, t.Size(1) / 2, t.Size(1) / 2)),
        static (gate, up) => GoldenTensor.Concatenate(gate, up, 1));

    /// <summary>[E, D, 2F] with all gate columns first, as gate and up [E, F, D].</summary>
    public static Layout GateThenUpColumns { get; } = Then(Transposed, GateThenUp);

    /// <summary>[E, 2F] or [E, 2F, D] with gate and up in turns, as gate and up.</summary>
    public static Layout GateUpInTurns { get; } = Two(
        static t => (t.Slice(1, 0, t.Size(1) / 2, 2), t.Slice(1, 1, t.Size(1) / 2, 2)),
        static (gate, up) => GoldenTensor.Interleave(gate, up, 1));

    /// <summary>[E, D, 2F] with gate and up columns in turns, as gate and up [E, F, D].</summary>
    public static Layout GateUpInTurnsColumns { get; } = Then(Transposed, GateUpInTurns);

    /// <summary>One tensor per expert, as [E, ...].</summary>
    public static Layout PerExpert { get; } = new(
        static parts => [GoldenTensor.Stack(parts, 0)],
        static whole => [.. Enumerable.Range(0, whole[0].Size(0)).Select(e => whole[0].Slice(0, e, 1).Reshape([.. whole[0].Shape.Skip(1)]))]);

    /// <summary>[E F, D] as [E, F, D].</summary>
    /// <param name="experts">E.</param>
    public static Layout FlatExperts(int experts) => One(
        t => t.Reshape(experts, -1, t.Size(1)),
        static t => t.Reshape(-1, t.Size(2)));

    /// <summary>One row of numbers.</summary>
    public static Layout Flat { get; } = One(static t => t, static t => t.Reshape(-1));

    /// <summary>[1, E] as [E].</summary>
    public static Layout OneRow { get; } = One(static t => t.Reshape(-1), static t => t.Reshape(1, -1));

    /// <summary>The first rows of a tensor; the others are zero on the way back.</summary>
    public static Layout FirstRows(int count, int all) => One(
        t => t.Slice(0, 0, count),
        t => GoldenTensor.OfReals(t.Type, [all, .. t.Shape.Skip(1)], [.. t.Reals, .. new double[t.Count / count * (all - count)]]));

    /// <summary>[G, E, ...] as [G E, ...].</summary>
    public static Layout GroupsAndExperts(int groups, int experts) => One(
        t => t.Reshape([groups * experts, .. t.Shape.Skip(2)]),
        t => t.Reshape([groups, experts, .. t.Shape.Skip(1)]));

    /// <summary>One layout after another.</summary>
    public static Layout Then(Layout first, Layout second) => new(
        peers => second.ToLibrary(first.ToLibrary(peers)),
        own => first.ToPeer(second.ToPeer(own)));

    private static Layout One(Func<GoldenTensor, GoldenTensor> toLibrary, Func<GoldenTensor, GoldenTensor> toPeer) =>
        new(t => [toLibrary(t[0])], t => [toPeer(t[0])]);

    private static Layout Two(Func<GoldenTensor, (GoldenTensor, GoldenTensor)> split, Func<GoldenTensor, GoldenTensor, GoldenTensor> join) => new(
        t =>
        {
            var (first, second) = split(t[0]);
            return [first, second];
        },
        t => [join(t[0], t[1])]);
}

/// <summary>Names of a peer's tensors, the library's variables they are, and how they lie.</summary>
internal sealed record Link(IReadOnlyList<string> PeerNames, IReadOnlyList<string> LibraryNames, Layout Layout)
{
    public static Link Of(string peer, string library, Layout? layout = null) => new([peer], [library], layout ?? Layout.Same);

    public static Link Of(string peer, string library, string second, Layout layout) => new([peer], [library, second], layout);
}
