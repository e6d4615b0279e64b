namespace MoE.Diagnostics;

/// <summary>One routing of a log: of which layer, at which step.</summary>
/// <param name="Layer">Name of the layer.</param>
/// <param name="Step">Training step or number of the batch, zero or more.</param>
/// <param name="Routing">The routing. Positions in the experts' queues are not logged: those of <see cref="SparseRouting.Plan"/> count routes in token order.</param>
/// <param name="HasWeights">The weights were logged; otherwise those of a sparse routing are all zero.</param>
/// <param name="Margins">[T] routing margins, or empty.</param>
public sealed record RoutingRecord(string Layer, long Step, Routing Routing, bool HasWeights, IReadOnlyList<float> Margins)
{
    /// <summary>The experts in the form that replay takes: dropped routes included, so that the capacity rule drops them again.</summary>
    /// <param name="tokens">T of the live batch.</param>
    /// <param name="experts">E of the live layer.</param>
    /// <param name="choices">K of the live layer.</param>
    /// <returns>[T, K]; -1 for none.</returns>
    /// <exception cref="ArgumentException">The record is of another shape, or a dense routing; the values are named.</exception>
    public int[] GivenExperts(int tokens, int experts, int choices)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        if (Routing is not SparseRouting sparse)
            throw new ArgumentException($"{Place} is a {Routing.Kind} routing, which chooses no experts; only top-k and ragged ones are replayed");
        int logged = sparse is TopKRouting top ? top.Choices : Most((RaggedRouting)sparse);
        bool fits = sparse is TopKRouting ? logged == choices : logged <= choices;
        if (sparse.TokenCount != tokens || sparse.ExpertCount != experts || !fits)
        {
            throw new ArgumentException(
                $"{Place} has T = {sparse.TokenCount}, E = {sparse.ExpertCount}, K {(sparse is TopKRouting ? "=" : "<=")} {logged}; the live layer has T = {tokens}, E = {experts}, K = {choices}");
        }

        if (sparse is TopKRouting) return sparse.ExpertIds.ToArray();
        var given = new int[checked(tokens * choices)];
        Array.Fill(given, -1);
        var offsets = ((RaggedRouting)sparse).TokenOffsets;
        for (int t = 0; t < tokens; t++) sparse.ExpertIds[offsets[t]..offsets[t + 1]].CopyTo(given.AsSpan(t * choices));
        return given;
    }

    internal string Place => $"the record of layer \"{Layer}\" at step {Step}";

    private static int Most(RaggedRouting routing)
    {
        int most = 0;
        for (int t = 0; t < routing.TokenCount; t++) most = Math.Max(most, routing.TokenOffsets[t + 1] - routing.TokenOffsets[t]);
        return most;
    }
}
