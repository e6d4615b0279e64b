namespace MoE;

/// <summary>An expert that sees every token, beside the routed ones. Same form and activation as the routed experts.</summary>
public sealed record SharedExpertSpec
{
    /// <summary>Inner width, positive; several shared experts of one width are one of their total width.</summary>
    public required int Width { get; init; }

    /// <summary>Its output is multiplied by sigmoid(w . x), one scalar per token (Qwen2-MoE).</summary>
    public bool SigmoidGate { get; init; }

    internal void Check(SpecProblems problems, string path) => problems.RequirePositive(Width, $"{path}.width");
}
