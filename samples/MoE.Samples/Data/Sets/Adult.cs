using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>Adult: the training part, 15 columns.</summary>
public static class Adult
{
    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "adult",
        "32,561 persons, 15 columns (UCI Adult, training part)",
        "UCI: CC BY 4.0",
        "B. Becker, R. Kohavi (1996): Adult. UCI Machine Learning Repository; doi 10.24432/C5XW20",
        DataKind.Original,
        [new(
            "adult.txt", 3852087, "33521d51a11aff936794aed1202c56fcffd1ea498d4e135f5ecc8ffe1de69380",
            new Uri("https://raw.githubusercontent.com/dotnet/machinelearning/cd2fbd617c13bcb98ec8b6554bfa20ac603e4572/test/data/adult.txt"))],
        "github.com/dotnet/machinelearning (commit cd2fbd6), test/data/adult.txt");

    /// <summary>Columns of the file, those that have a meaning of their own here.</summary>
    public const int Columns = 15, SampleWeight = 2, MaritalStatus = 5, Relationship = 7, Income = 14;

    /// <summary>Columns that hold quantities: age, years of education, capital gain and loss, hours per week.</summary>
    public static IReadOnlyList<int> Quantities { get; } = [0, 4, 10, 11, 12];

    /// <summary>Those of them that are sums of money.</summary>
    public static IReadOnlyList<int> Money { get; } = [10, 11];

    /// <summary>Reads it.</summary>
    /// <exception cref="Frame.MissingDataException">It is not in the data folder.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static CodedTable Load(DataFolders folders) => folders.Read(Set, Set.Files[0].Name, static file => CodedTable.Read(file, Columns, header: true));
}
