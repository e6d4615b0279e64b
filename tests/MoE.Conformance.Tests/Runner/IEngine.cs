namespace MoE.Conformance.Runner;

/// <summary>An engine of the library, as the runner sees it: it hands a plan to public API and hands back what comes out.</summary>
internal interface IEngine
{
    /// <summary>Name in claims and tables.</summary>
    string Name { get; }

    /// <summary>Runs a plan.</summary>
    /// <param name="plan">The case.</param>
    /// <param name="replay">[T, K]: experts to take instead of choosing, or null.</param>
    /// <param name="gradients">Whether <see cref="IEngineRun.Differentiate"/> will be called.</param>
    IEngineRun Run(CasePlan plan, GoldenTensor? replay, bool gradients);
}

/// <summary>One run: quantities in their natural shapes, and gradients by variable name.</summary>
internal interface IEngineRun : IDisposable
{
    GoldenTensor Value(Quantity quantity);

    /// <summary>True if a <see cref="NamedPlan"/> gave this output.</summary>
    bool Has(string key);

    /// <summary>The named values that the run gave.</summary>
    IEnumerable<string> GivenKeys { get; }

    /// <summary>An output of a <see cref="NamedPlan"/>.</summary>
    GoldenTensor Value(string key);

    /// <summary>Forgets earlier gradients and runs backward from an output of a <see cref="NamedPlan"/>.</summary>
    void Differentiate(string key, GoldenTensor? cotangent, bool add = false);

    /// <summary>Runs backward from a quantity; a null cotangent stands for one.</summary>
    void Differentiate(Quantity quantity, GoldenTensor? cotangent);

    /// <summary>After <see cref="Differentiate"/>: the gradient of a variable.</summary>
    GoldenTensor Gradient(string variable);
}

/// <summary>Maps the functions of one family of peers to plans.</summary>
internal interface IAdapter
{
    string Peer { get; }

    IReadOnlyDictionary<string, Func<CaseReader, CasePlan>> Functions { get; }
}
