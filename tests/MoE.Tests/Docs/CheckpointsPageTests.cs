using MoE.Checkpoints;

namespace MoE.Tests.Docs;

/// <summary>The page on checkpoints names every layout and every family.</summary>
public sealed class CheckpointsPageTests
{
    [Fact]
    public void Every_layout_is_on_the_page()
    {
        string page = Repository.Read("docs", "checkpoints.md");
        foreach (var layout in CheckpointLayout.All) Assert.Contains($"`{layout.Name}`", page, StringComparison.Ordinal);
        string all = Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse("{}")).Message;
        foreach (string family in all[(all.IndexOf("one of ", StringComparison.Ordinal) + 7)..].Split(',', ' ', '.').Where(static w => w.Length > 0)) Assert.Contains($"`{family}`", page, StringComparison.Ordinal);
    }
}
