namespace MoE;

/// <summary>The forms a routing takes.</summary>
public enum RoutingKind
{
    /// <summary>The same number K of choices for every token: <see cref="TopKRouting"/>.</summary>
    TopK,

    /// <summary>A variable number of choices per token: <see cref="RaggedRouting"/>.</summary>
    Ragged,

    /// <summary>A weight for every token and expert: <see cref="DenseRouting"/>.</summary>
    Dense,
}
