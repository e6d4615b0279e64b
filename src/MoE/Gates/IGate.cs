namespace MoE;

/// <summary>
/// A gate on host memory: what it sees in, a routing out. Implement it to bring a rule that no spec expresses; it works everywhere but in export, which refuses it by name.
/// </summary>
public interface IGate
{
    /// <summary>Name, for logs and refusals.</summary>
    string Name { get; }

    /// <summary>E.</summary>
    int ExpertCount { get; }

    /// <summary>Routes a batch of tokens.</summary>
    /// <param name="input">What a gate may see.</param>
    /// <returns>A routing of <c>input.TokenCount</c> tokens over <see cref="ExpertCount"/> experts.</returns>
    Routing Route(in GateInput input);
}
