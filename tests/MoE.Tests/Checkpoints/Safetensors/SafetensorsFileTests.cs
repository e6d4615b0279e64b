using System.Text;
using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints.Safetensors;

public sealed class SafetensorsFileTests
{
    private const string Small = """{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1,3],"data_offsets":[8,11]}}""";

    [Fact]
    public void A_file_of_the_format_is_read()
    {
        using var folder = new TemporaryFolder();
        using var file = SafetensorsFile.Open(Bytes.Write(folder, Bytes.File(Small, 0, 0, 128, 63, 0, 0, 0, 64, 7, 8, 9)));
        Assert.Equal("pt", Assert.Single(file.Metadata).Value);
        Assert.Equal(["b", "a"], file.Entries.Select(static e => e.Name));
        var b = file.Get("b");
        Assert.Equal(SafetensorsType.F32, b.Type);
        Assert.Equal([2], b.Shape.ToArray());
        Assert.Equal([1f, 2f], System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(file.Bytes(b)).ToArray());
        Assert.Equal([8, 9], file.Slice(file.Get("a"), 1, 2).ToArray());
        Assert.False(file.TryGet("c", out _));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"__metadata__":{}}""")]
    [InlineData("""{"":{"dtype":"F32","shape":[0,9223372036854775807,3],"data_offsets":[0,0]}}""")]
    [InlineData("""{"é":{"data_offsets":[0,0],"shape":[0],"dtype":"I64"}}   """)]
    public void Empty_things_are_files_too(string header)
    {
        using var folder = new TemporaryFolder();
        using var file = SafetensorsFile.Open(Bytes.Write(folder, Bytes.File(header)));
        foreach (var entry in file.Entries) Assert.True(file.Bytes(entry).IsEmpty);
    }

    [Theory]
    [InlineData("", "does not begin with {")]
    [InlineData("[]", "does not begin with {")]
    [InlineData(" {}", "does not begin with {")]
    [InlineData("{", "not the JSON")]
    [InlineData("{}{}", "not the JSON")]
    [InlineData("{}\n", null)]
    [InlineData("{},", "not the JSON")]
    [InlineData("""{"a":1}""", "is not an object")]
    [InlineData("""{"a":{}}""", "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", "unknown dtype")]
    [InlineData("""{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}""", "unknown dtype")]
    [InlineData("""{"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}""", "dtype of tensor \"a\" is not a string")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}""", "unknown key \"more\"")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "a key twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "is there twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "is there twice")]
    [InlineData("""{"__metadata__":{"a":1}}""", "is not a string")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", "is there twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", "is there twice")]
    [InlineData("""{"__metadata__":[]}""", "is not an object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}""", "is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}""", "not the JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", "two rising numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", "two rising numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "need 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", "below 2^63")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807,9223372036854775807],"data_offsets":[0,4]}}""", "below 2^63")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", "no whole number of bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "must begin at 0")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}""", "must begin at 4")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[5,7]}}""", "must begin at 4")]
    [InlineData("""{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}""", "the file has 8 bytes of data")]
    [InlineData("""{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}""", "its tensors have 7")]
    [InlineData("{}", "its tensors have 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}""", "not the JSON")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "not the JSON")]
    public void A_broken_header_is_refused_with_the_rule(string header, string? rule)
    {
        using var folder = new TemporaryFolder();
        string path = Bytes.Write(folder, Bytes.File(header, new byte[8]));
        var refused = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith(path, refused.Message, StringComparison.Ordinal);
        if (rule is not null) Assert.Contains(rule, refused.Message, StringComparison.Ordinal);
        // Nothing holds the refused file.
        File.Delete(path);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, 123, 125 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 123, 125 })]
    [InlineData(new byte[] { 1, 225, 245, 5, 0, 0, 0, 0, 123, 125 })]
    public void A_header_length_beyond_the_file_is_refused(byte[] content)
    {
        using var folder = new TemporaryFolder();
        string path = Bytes.Write(folder, content);
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
    }

    [Fact]
    public void Invalid_text_is_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Bytes.File("""{"aa":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""");
        content[8 + 2] = 0xFF;
        string path = Bytes.Write(folder, content);
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
    }

    [Fact]
    public void Depth_is_refused_without_a_deep_stack()
    {
        using var folder = new TemporaryFolder();
        string path = Bytes.Write(folder, Bytes.File("""{"a":""" + string.Concat(Enumerable.Repeat("""{"a":""", 100_000)) + "1" + new string('}', 100_001)));
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Memory_stays_within_a_multiple_of_the_header(int kind)
    {
        var json = new StringBuilder("{");
        if (kind == 0) for (int i = 0; i < 30_000; i++) json.Append(i == 0 ? "" : ",").Append($"\"{i:x}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[{i},{i + 1}]}}");
        else if (kind == 1) json.Append("\"a\":{\"dtype\":\"U8\",\"shape\":[").Append(string.Join(',', Enumerable.Repeat("1", 500_000))).Append("],\"data_offsets\":[0,1]}");
        else json.Append("\"__metadata__\":{").Append(string.Join(',', Enumerable.Range(0, 100_000).Select(static i => $"\"{i:x}\":\"\""))).Append('}');
        using var folder = new TemporaryFolder();
        byte[] content = Bytes.File(json.Append('}').ToString(), new byte[kind switch { 0 => 30_000, 1 => 1, _ => 0 }]);
        string path = Bytes.Write(folder, content);
        long before = GC.GetAllocatedBytesForCurrentThread();
        using var file = SafetensorsFile.Open(path);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 0, 32L * json.Length + (1 << 20));
    }

    [Fact]
    public void A_closed_file_gives_nothing_and_another_files_tensor_is_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Bytes.File(Small, new byte[11]);
        using var one = SafetensorsFile.Open(Bytes.Write(folder, content, "1.safetensors"));
        var two = SafetensorsFile.Open(Bytes.Write(folder, content, "2.safetensors"));
        Assert.Throws<ArgumentException>("entry", () => one.Bytes(two.Get("a")).Length);
        Assert.Throws<ArgumentOutOfRangeException>("offset", () => one.Slice(one.Get("a"), 2, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>("offset", () => one.Slice(one.Get("a"), -1, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>("offset", () => one.Slice(one.Get("a"), long.MaxValue, 2).Length);
        Assert.Throws<KeyNotFoundException>(() => one.Get("c"));
        two.Dispose();
        two.Dispose();
        Assert.Throws<ObjectDisposedException>(() => two.Bytes(two.Get("a")).Length);
    }

    [Fact]
    public void A_tensor_beyond_two_gibibytes_is_read_in_slices()
    {
        using var folder = new TemporaryFolder();
        const long Size = (1L << 31) + 16;
        byte[] head = Bytes.File("{\"a\":{\"dtype\":\"U8\",\"shape\":[" + Size + "],\"data_offsets\":[0," + Size + "]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[" + Size + "," + (Size + 2) + "]}}");
        string path = Path.Combine(folder.Path, "big.safetensors");
        using (var stream = File.Create(path))
        {
            // Sparse: the file system keeps no block for what was never written.
            stream.Write(head);
            stream.SetLength(head.Length + Size + 2);
            stream.Position = head.Length + Size - 1;
            stream.Write([5, 6, 7]);
        }

        using var file = SafetensorsFile.Open(path);
        Assert.Throws<ArgumentException>("entry", () => file.Bytes(file.Get("a")).Length);
        Assert.Equal([0, 5], file.Slice(file.Get("a"), Size - 2, 2).ToArray());
        Assert.Equal([6, 7], file.Bytes(file.Get("b")).ToArray());
    }
}
