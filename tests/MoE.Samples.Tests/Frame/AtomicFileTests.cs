using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Frame;

public sealed class AtomicFileTests
{
    [Fact]
    public void It_makes_folders_and_replaces_what_was_there()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "a", "b.txt");
        AtomicFile.Write(path, "one");
        AtomicFile.Write(path, "two");
        Assert.Equal("two", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void A_place_that_cannot_be_written_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "taken");
        Directory.CreateDirectory(Path.Combine(path, "inside"));
        Assert.ThrowsAny<Exception>(() => AtomicFile.Write(path, "x"));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
        Assert.Throws<IOException>(() => AtomicFile.Probe(path));
    }

    [Fact]
    public void A_probe_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.Probe(Path.Combine(folder.Path, "x.json"));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }
}
