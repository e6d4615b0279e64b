using System.Text.RegularExpressions;

namespace MoE.Tests.Docs;

/// <summary>The gate pages cannot go stale: their specs parse, and every page is on the index.</summary>
public sealed partial class GatePagesTests
{
    public static TheoryData<string> Pages =>
        [.. Directory.GetFiles(Folder, "*.md").Select(static f => Path.GetFileName(f)!).Where(static f => f != "README.md").Order(StringComparer.Ordinal)];

    private static string Folder { get; } = Path.Combine(Repository.Root, "docs", "gates");

    [Theory, MemberData(nameof(Pages))]
    public void The_spec_of_a_page_is_valid_and_survives_a_round_trip(string page)
    {
        var blocks = JsonBlock().Matches(File.ReadAllText(Path.Combine(Folder, page)));
        Assert.NotEmpty(blocks);
        foreach (Match block in blocks)
        {
            var spec = RouterSpec.FromJson(block.Groups[1].Value);
            Assert.Equal(spec, RouterSpec.FromJson(spec.ToJson()));
        }
    }

    [Theory, MemberData(nameof(Pages))]
    public void A_page_is_on_the_index(string page) =>
        Assert.Contains($"({page})", File.ReadAllText(Path.Combine(Folder, "README.md")));

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
