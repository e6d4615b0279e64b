namespace MoE;

/// <summary>
/// What a gate draws noise for. The full name of a draw is <c>scope.purpose</c>, the scope being the gate's place in the model (<see cref="GateInput.NoiseScope"/>): two layers that share a
/// source and differ in scope draw different numbers.
/// </summary>
public static class NoiseNames
{
    /// <summary>The scope of a gate that was given none.</summary>
    public const string DefaultScope = "gate";

    /// <summary>The full name of a draw.</summary>
    /// <param name="scope">The gate's place; not empty.</param>
    /// <param name="purpose">What the draw is for.</param>
    public static string Of(string scope, string purpose)
    {
        ArgumentException.ThrowIfNullOrEmpty(scope);
        ArgumentException.ThrowIfNullOrEmpty(purpose);
        return $"{scope}.{purpose}";
    }
}
