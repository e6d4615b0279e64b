namespace MoE.Samples.Papers.Customization;

/// <summary>Percentages on the user's held-out characters and on those of generic writers nobody trained on.</summary>
/// <param name="User">On the user's.</param>
/// <param name="Generic">On the generic ones.</param>
public readonly record struct Accuracy(double User, double Generic)
{
    /// <summary>Shares of true values, in percent.</summary>
    public static Accuracy Of(IReadOnlyCollection<bool> user, IReadOnlyCollection<bool> generic) => new(Percent(user), Percent(generic));

    private static double Percent(IReadOnlyCollection<bool> of) => 100.0 * of.Count(static b => b) / of.Count;
}
