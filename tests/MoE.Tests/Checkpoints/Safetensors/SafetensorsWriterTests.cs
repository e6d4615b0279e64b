using System.Text;
using CsCheck;
using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints.Safetensors;

public sealed class SafetensorsWriterTests
{
    [Fact]
    public void The_bytes_are_those_of_the_reference_implementation()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "x.safetensors");
        SafetensorsWriter.Write(path,
            [
                new("b", SafetensorsType.U8, [3], new byte[] { 7, 8, 9 }),
                new("z", SafetensorsType.F32, [2], new byte[] { 0, 0, 128, 63, 0, 0, 0, 64 }),
                new("a", SafetensorsType.U8, [], new byte[] { 1 }),
                new("q\"\n\u0001é", SafetensorsType.I64, [0], Array.Empty<byte>()),
            ],
            [new("format", "pt")]);
        // Wider types first, then names; no spaces but the padding to eight bytes.
        const string header = "{\"__metadata__\":{\"format\":\"pt\"},\"q\\\"\\n\\u0001é\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]},\"z\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            + "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[9,12]}}";
        int length = Encoding.UTF8.GetByteCount(header);
        Assert.Equal(Bytes.File(header + new string(' ', (8 - length % 8) % 8), 0, 0, 128, 63, 0, 0, 0, 64, 1, 7, 8, 9), File.ReadAllBytes(path));
    }

    [Fact]
    public void What_is_read_and_written_again_is_the_same_file_byte_for_byte()
    {
        using var folder = new TemporaryFolder();
        string one = Path.Combine(folder.Path, "1.safetensors"), two = Path.Combine(folder.Path, "2.safetensors");
        var name = Gen.String[Gen.Char["abc.\"\\\n\t\u0002éあ "], 0, 6];
        var tensor = Gen.Select(name, Gen.Enum<SafetensorsType>(), Gen.Int[0, 4].Array[0, 3], Gen.Int[0, int.MaxValue]);
        Gen.Select(tensor.Array[0, 8], Gen.Select(name, name).Array[0, 3]).Sample((drawn, texts) =>
        {
            var tensors = drawn.DistinctBy(static d => d.Item1).Where(static d => d.Item1 != "__metadata__").Select(static d =>
            {
                // Packed types need whole bytes: their last dimension is a multiple of four.
                long[] shape = [.. d.Item3.Select(static s => (long)s), .. d.Item2 is SafetensorsType.F4 or SafetensorsType.F6E2M3 or SafetensorsType.F6E3M2 ? new long[] { 4 } : []];
                var probe = new SafetensorsTensor(d.Item1, d.Item2, shape, static _ => { });
                byte[] data = new byte[probe.Length];
                new Random(d.Item4).NextBytes(data);
                return new SafetensorsTensor(d.Item1, d.Item2, shape, data);
            }).ToArray();
            var metadata = texts.DistinctBy(static t => t.Item1).Select(static t => KeyValuePair.Create(t.Item1, t.Item2)).ToArray();
            SafetensorsWriter.Write(one, tensors, metadata);
            using (var file = SafetensorsFile.Open(one))
            {
                Assert.Equal(metadata, file.Metadata);
                SafetensorsWriter.Write(two, file.Entries.Select(e => new SafetensorsTensor(e.Name, e.Type, e.Shape, s => s.Write(file.Bytes(e)))), file.Metadata);
            }

            Assert.Equal(File.ReadAllBytes(one), File.ReadAllBytes(two));
        }, iter: 100, threads: 1);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "x.safetensors");
        File.WriteAllText(path, "old");
        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(path, [new("a", SafetensorsType.U8, [3], static s => s.WriteByte(1))]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [new("a", SafetensorsType.U8, [0], static _ => { }), new("a", SafetensorsType.U8, [0], static _ => { })]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [new("\ud800", SafetensorsType.U8, [0], static _ => { })]));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Tensors_that_cannot_be_are_refused()
    {
        Assert.Throws<ArgumentException>("name", () => new SafetensorsTensor("__metadata__", SafetensorsType.U8, [0], static _ => { }));
        Assert.Throws<ArgumentException>("data", () => new SafetensorsTensor("a", SafetensorsType.F32, [2], new byte[7]));
        Assert.Throws<ArgumentException>("shape", () => new SafetensorsTensor("a", SafetensorsType.F4, [3], static _ => { }));
        Assert.Throws<ArgumentException>("shape", () => new SafetensorsTensor("a", SafetensorsType.F64, [long.MaxValue], static _ => { }));
        Assert.Throws<ArgumentOutOfRangeException>("shape", () => new SafetensorsTensor("a", SafetensorsType.F64, [-1], static _ => { }));
    }
}
