namespace MoE.Samples.Papers.Customization;

/// <summary>How much to do. All seeds customize one global expert, trained once.</summary>
/// <param name="Seeds">Each draws its users, their halves and all local weights.</param>
/// <param name="UsersPerSeed">Users of a seed.</param>
/// <param name="SetAside">Users set aside, from whom the seeds draw theirs.</param>
/// <param name="TestWriters">Generic writers who test.</param>
/// <param name="MostTraining">Generic characters to train on.</param>
/// <param name="MostTesting">Generic characters to test on.</param>
/// <param name="Epochs">Passes of the global expert.</param>
public sealed record Recipe(int Seeds, int UsersPerSeed, int SetAside, int TestWriters, int MostTraining, int MostTesting, int Epochs)
{
    /// <summary>Learning rate and batch of the global expert.</summary>
    public const double GlobalRate = 2e-3;

    /// <summary>Images per step of the global expert.</summary>
    public const int GlobalBatch = 128;

    /// <summary>Generic characters that a device keeps to train its gate.</summary>
    public const int Kept = 1000;

    /// <summary>About a minute.</summary>
    public static Recipe Quick { get; } = new(3, 10, 30, 20, 32_000, 2500, 5);

    /// <summary>Some minutes.</summary>
    public static Recipe Paper { get; } = new(5, 10, 50, 20, 80_000, 8000, 8);
}
