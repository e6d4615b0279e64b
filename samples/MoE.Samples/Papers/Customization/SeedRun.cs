namespace MoE.Samples.Papers.Customization;

/// <summary>The users of one seed.</summary>
/// <param name="Users">One run each.</param>
/// <param name="Parameters">Of local expert and gate.</param>
/// <param name="Changed">Bytes of the global expert that are other than when it was frozen.</param>
internal sealed record SeedRun(IReadOnlyList<UserRun> Users, long Parameters, int Changed)
{
    /// <summary>What is compared.</summary>
    public static IReadOnlyList<(string Name, Func<UserRun, Accuracy> Of)> Models { get; } =
    [
        ("mixture", static u => u.Mixture), ("global expert", static u => u.Global), ("local expert always", static u => u.Local), ("oracle gate", static u => u.Oracle),
        ("global expert, fine-tuned", static u => u.FineTuned), ("gate shuffled", static u => u.Shuffled), ("given to the local expert", static u => u.LocalShare),
    ];

    /// <summary>Mean over users.</summary>
    public double Mean(Func<UserRun, double> of) => Users.Average(of);
}
