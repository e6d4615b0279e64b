using System.IO.Compression;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>Census-Income (KDD): the part that UCI distributes as the test split, 42 columns.</summary>
public static class CensusIncome
{
    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "census-income-kdd",
        "99,762 persons, 42 columns (UCI Census-Income KDD, test split)",
        "UCI: CC BY 4.0",
        "T. Lane, R. Kohavi (2000): Census-Income (KDD). UCI Machine Learning Repository; doi 10.24432/C5N30T",
        DataKind.Original,
        [new(
            "census-income.test.gz", 3261416, "5ac4cacd3ca9f1ecb10de1a0a41e4ac68fdc419e3fec190f5c0c6cc03b2ea659",
            new Uri("https://raw.githubusercontent.com/drawbridge/keras-mmoe/2718f56e4313716fd3a86e9510bc2df0cc366238/data/census-income.test.gz"))],
        "github.com/drawbridge/keras-mmoe (commit 2718f56), data/census-income.test.gz");

    /// <summary>Columns of the file, those that have a meaning of their own here.</summary>
    public const int Columns = 42, Education = 4, MaritalStatus = 7, InstanceWeight = 24, Income = 41;

    /// <summary>Columns that hold quantities: age, wage per hour, capital gains and losses, dividends, persons worked for, weeks worked.</summary>
    public static IReadOnlyList<int> Quantities { get; } = [0, 5, 16, 17, 18, 30, 39];

    /// <summary>Those of them that are sums of money.</summary>
    public static IReadOnlyList<int> Money { get; } = [5, 16, 17, 18];

    /// <summary>Reads it.</summary>
    /// <exception cref="Frame.MissingDataException">It is not in the data folder.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static CodedTable Load(DataFolders folders) => folders.Read(Set, Set.Files[0].Name, static file => CodedTable.Read(new GZipStream(file, CompressionMode.Decompress), Columns, header: false));
}
