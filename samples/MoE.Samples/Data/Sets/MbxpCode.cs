namespace MoE.Samples.Data.Sets;

/// <summary>MBXP: the same small programs in six languages.</summary>
public static class MbxpCode
{
    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "mbxp-code",
        "The same 970 small programming tasks in Python, C#, C++, Java, JavaScript and PHP, most with a solution",
        "CC BY 4.0 (data), Apache-2.0 (repository)",
        "B. Athiwaratkun et al. (2023): Multi-lingual Evaluation of Code Generation Models. ICLR; arXiv 2210.14868",
        DataKind.Original,
        [
            new("mbcpp_release_v1.2.jsonl", 1304509, "34a842515927e230eb2bd6e409a44c80a852b0afcbe1172786bd08cfef8b85b0", new Uri("https://raw.githubusercontent.com/amazon-science/mxeval/e09974f990eeaf0c0e8f2b5eaff4be66effb2c86/data/mbxp/mbcpp_release_v1.2.jsonl")),
            new("mbcsp_release_v1.2.jsonl", 2170855, "e11db33a6c5582a5c8d548ef75a23f0307540a765f889dcd2b7d13e99ea538e4", new Uri("https://raw.githubusercontent.com/amazon-science/mxeval/e09974f990eeaf0c0e8f2b5eaff4be66effb2c86/data/mbxp/mbcsp_release_v1.2.jsonl")),
            new("mbjp_release_v1.2.jsonl", 2420406, "139a0fcdff2f4c6d456c546c82f43a1f389dfe3125f5f2c3f6a12f478483dffd", new Uri("https://raw.githubusercontent.com/amazon-science/mxeval/e09974f990eeaf0c0e8f2b5eaff4be66effb2c86/data/mbxp/mbjp_release_v1.2.jsonl")),
            new("mbjsp_release_v1.2.jsonl", 1425621, "9e443a1911bcedd8b5193f43d3217666fbf669cd00d54265941a8eb17e396f5a", new Uri("https://raw.githubusercontent.com/amazon-science/mxeval/e09974f990eeaf0c0e8f2b5eaff4be66effb2c86/data/mbxp/mbjsp_release_v1.2.jsonl")),
            new("mbphp_release_v1.2.jsonl", 1413807, "aec706039e49bc1bd1c9aaf4cf4815a34777b8387bdc59c1b274312071f3a605", new Uri("https://raw.githubusercontent.com/amazon-science/mxeval/e09974f990eeaf0c0e8f2b5eaff4be66effb2c86/data/mbxp/mbphp_release_v1.2.jsonl")),
            new("mbpp_release_v1.jsonl", 936808, "2ea7949f20ed5ecaacf4c9970d29430ec3f13772f4dd379665b1234f14b0ec3e", new Uri("https://raw.githubusercontent.com/amazon-science/mxeval/e09974f990eeaf0c0e8f2b5eaff4be66effb2c86/data/mbxp/mbpp_release_v1.jsonl")),
        ],
        "github.com/amazon-science/mxeval (commit e09974f), data/mbxp");
}
