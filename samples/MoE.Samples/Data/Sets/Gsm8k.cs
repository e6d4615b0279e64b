namespace MoE.Samples.Data.Sets;

/// <summary>GSM8K: sums in words with worked answers.</summary>
public static class Gsm8k
{
    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "gsm8k",
        "7,473 sums in words with worked answers, and 1,319 more for testing",
        "MIT",
        "K. Cobbe et al. (2021): Training Verifiers to Solve Math Word Problems. arXiv 2110.14168",
        DataKind.Original,
        [
            new("train.jsonl", 4166206, "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465", new Uri("https://raw.githubusercontent.com/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data/train.jsonl")),
            new("test.jsonl", 749738, "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14", new Uri("https://raw.githubusercontent.com/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data/test.jsonl")),
        ],
        "github.com/openai/grade-school-math (commit 3101c7d), grade_school_math/data");
}
