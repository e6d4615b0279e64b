namespace MoE.Samples.Data;

/// <summary>The data sets that samples read.</summary>
public static class DataCatalogue
{
    /// <summary>Handwritten digits, built in.</summary>
    public static DataSet Digits { get; } = new(
        "digits",
        "1,797 handwritten digits of 8x8 pixels (UCI Optical Recognition of Handwritten Digits, test part)",
        "BSD-3-Clause, as packaged with scikit-learn; see THIRD-PARTY-NOTICES.md",
        "E. Alpaydin, C. Kaynak (1998): Cascading Classifiers. Kybernetika",
        "digits.csv.gz",
        "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a",
        static () => typeof(DataCatalogue).Assembly.GetManifestResourceStream("digits.csv.gz") ?? throw new InvalidOperationException("digits.csv.gz is not built in"));

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DataSet> All { get; } = [Digits];
}
