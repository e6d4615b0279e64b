using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints.Safetensors;

public sealed class SafetensorsCheckpointTests
{
    [Fact]
    public void Shards_are_one_collection_of_tensors()
    {
        using var folder = Shards("""{"metadata":{"total_size":3},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}""");
        foreach (string path in new[] { folder.Path, Path.Combine(folder.Path, "model.safetensors.index.json") })
        {
            using var model = SafetensorsCheckpoint.Open(path);
            Assert.Equal(["a", "b", "c"], model.Names);
            Assert.True(model.TryGet("c", out var file, out var entry));
            Assert.Equal([3], file.Bytes(entry).ToArray());
            Assert.False(model.TryGet("d", out _, out _));
        }
    }

    [Fact]
    public void A_single_file_needs_no_index()
    {
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(Path.Combine(folder.Path, "model.safetensors"), [new("a", SafetensorsType.U8, [1], new byte[] { 1 })]);
        using var model = SafetensorsCheckpoint.Open(folder.Path);
        Assert.Equal(["a"], model.Names);
    }

    [Fact]
    public void Index_and_shards_that_disagree_are_refused_with_all_their_problems()
    {
        using var folder = Shards("""{"weight_map":{"a":"model-00002-of-00002.safetensors","d":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""");
        string message = Assert.Throws<InvalidDataException>(() => SafetensorsCheckpoint.Open(folder.Path)).Message;
        Assert.Contains("c of model-00002-of-00002.safetensors is not in the index", message, StringComparison.Ordinal);
        Assert.Contains("a is in model-00001-of-00002.safetensors, not in model-00002-of-00002.safetensors", message, StringComparison.Ordinal);
        Assert.Contains("d is not in model-00001-of-00002.safetensors", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../x.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""")]
    [InlineData("""{"weight_map":{"a":"..\\x.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":".."}}""")]
    [InlineData("""{"weight_map":{"a":""}}""")]
    [InlineData("""{"weight_map":{"a":1}}""")]
    [InlineData("""{"weight_map":{}}""")]
    [InlineData("""{"weight_map":{"a":"x","a":"y"}}""")]
    [InlineData("""{"weight_map":[]}""")]
    [InlineData("[]")]
    [InlineData("{")]
    public void A_hostile_index_is_refused(string index)
    {
        using var folder = Shards(index);
        Assert.Throws<InvalidDataException>(() => SafetensorsCheckpoint.Open(folder.Path));
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        using var folder = Shards("""{"weight_map":{"a":"model-00001-of-00002.safetensors","z":"model-00009.safetensors"}}""");
        Assert.Contains("model-00009.safetensors", Assert.Throws<FileNotFoundException>(() => SafetensorsCheckpoint.Open(folder.Path)).Message, StringComparison.Ordinal);
        using var empty = new TemporaryFolder();
        Assert.Contains("has neither", Assert.Throws<FileNotFoundException>(() => SafetensorsCheckpoint.Open(empty.Path)).Message, StringComparison.Ordinal);
    }

    private static TemporaryFolder Shards(string index)
    {
        var folder = new TemporaryFolder();
        SafetensorsWriter.Write(Path.Combine(folder.Path, "model-00001-of-00002.safetensors"), [new("a", SafetensorsType.U8, [1], new byte[] { 1 })]);
        SafetensorsWriter.Write(Path.Combine(folder.Path, "model-00002-of-00002.safetensors"), [new("b", SafetensorsType.U8, [1], new byte[] { 2 }), new("c", SafetensorsType.U8, [1], new byte[] { 3 })]);
        File.WriteAllText(Path.Combine(folder.Path, "model.safetensors.index.json"), index);
        return folder;
    }
}
