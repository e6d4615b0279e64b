using MoE.Samples.Data.Sets;

namespace MoE.Samples.Data;

/// <summary>The data sets that samples read. One file per set lies in <c>Sets</c>, with its loader.</summary>
public static class DataCatalogue
{
    /// <summary>Handwritten digits, built in.</summary>
    public static DataSet Digits { get; } = new(
        "digits",
        "1,797 handwritten digits of 8x8 pixels (UCI Optical Recognition of Handwritten Digits, test part)",
        "BSD-3-Clause, as packaged with scikit-learn; see THIRD-PARTY-NOTICES.md",
        "E. Alpaydin, C. Kaynak (1998): Cascading Classifiers. Kybernetika",
        DataKind.BuiltIn,
        [new("digits.csv.gz", 57512, "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a")],
        "scikit-learn, sklearn/datasets/data/digits.csv.gz")
    {
        Open = static () => typeof(DataCatalogue).Assembly.GetManifestResourceStream("digits.csv.gz") ?? throw new InvalidOperationException("digits.csv.gz is not built in"),
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DataSet> All { get; } =
    [
        Digits,
        UnipenCharacters.Set,
        CensusIncome.Set,
        Adult.Set,
        MovieLensSmall.Set,
        FashionMnist.Set,
        Planetoid.Cora,
        Planetoid.CiteSeer,
        RatedTexts.UniEval,
        RatedTexts.DialSummEval,
        RatedTexts.SummEvalOp,
        TypedTriples.Freebase,
        TypedTriples.WordNet,
        Babi.Set,
        LabelledSentences.Set,
        TinyShakespeare.Set,
        Gsm8k.Set,
        MbxpCode.Set,
        VggCells.Set,
    ];
}
