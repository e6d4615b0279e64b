namespace MoE;

/// <summary>
/// What a gate draws noise for. The full name of a draw is <c>scope.purpose</c>, the scope being the gate's place in the model (<see cref="GateInput.NoiseScope"/>): two layers that share a
/// source and differ in scope draw different numbers.
/// </summary>
public static class NoiseNames
{
    /// <summary>The scope of a gate that was given none.</summary>
    public const string DefaultScope = "gate";

    /// <summary>Noise on the logits, [T, E]: <see cref="NoiseSpec"/>.</summary>
    public const string Logits = "logits";

    /// <summary>Whether later choices are routed, [K - 1, T] uniform: <see cref="MoE.LaterChoices"/>.</summary>
    public const string LaterChoices = "later";

    /// <summary>Which routes an expert keeps, [T, E] uniform: <see cref="DropPolicy.Random"/>.</summary>
    public const string RandomDrop = "drop";

    /// <summary>Which routes' outputs are left out in training, [T, K] uniform: <see cref="MoELayerSpec.OutputMasking"/>.</summary>
    public const string OutputMask = "mask";

    /// <summary>What multiplies the scorer's input, [T, D] uniform: <see cref="RouterSpec.InputJitter"/>.</summary>
    public const string InputJitter = "jitter";

    /// <summary>The sample of a stage of <see cref="SparseMixerSelection"/>, [T, E] exponential; the stage's number from 0 follows.</summary>
    public const string Sample = "sample";

    /// <summary>Heun's choice of a stage of <see cref="SparseMixerSelection"/>, [T] uniform; the stage's number from 0 follows.</summary>
    public const string Heun = "heun";

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
