using System.Buffers.Binary;
using CsCheck;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>A log comes back as it was written, also from a file cut short, and hostile bytes are refused.</summary>
public sealed class RoutingLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moe-log-").FullName;

    private string File1 => Path.Combine(_folder, "deep", "run.moelog");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_checksum_is_the_crc_of_zip() => Assert.Equal(0xCBF43926u, Crc32.Of("123456789"u8));

    [Fact]
    public void The_bytes_are_those_of_the_page()
    {
        byte[] bytes = Written(static log => log.Append("L", 5, Small(), [0.5f, float.NaN]));
        Assert.Equal("4D6F45526F757465010000008F2A44FC", Convert.ToHexString(bytes[..16]));
        Assert.Equal(
            "30000000" + // 48 bytes of payload
            "000B" + "0100" + "0500000000000000" + // top-k; weights, drops and margins; a name of one byte; step 5
            "02000000" + "03000000" + "01000000" + "00000000" + // T, E, K, capacity
            "4C" + "02FF" + "01" + "00000000" + "00000000" + // "L"; expert 2 and none; route 0 dropped; weights
            "0000003F" + "0000C0FF" + // margins
            "",
            Convert.ToHexString(bytes[16..^4]));
        Assert.Equal(Crc32.Of(bytes.AsSpan(16..^4)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4)));
    }

    [Fact]
    public void Any_routing_comes_back() => Gen.Select(RandomRoutings.Any.Array[0, 4], Gen.Bool).Sample(static (routings, weights) =>
    {
        byte[] bytes = Written(log =>
        {
            for (int i = 0; i < routings.Length; i++) log.Append($"layer é {i % 2}", i, routings[i], i % 2 == 0 ? [] : Draw.Normal(routings[i].TokenCount, i));
        }, weights);
        var log = RoutingLog.Read(new MemoryStream(bytes));
        Assert.Null(log.Problem);
        Assert.Equal(routings.Length, log.Records.Count);
        for (int i = 0; i < routings.Length; i++)
        {
            var record = log.Find($"layer é {i % 2}", i);
            Assert.Same(log.Records[i], record);
            Assert.Equal(weights || routings[i] is DenseRouting, record.HasWeights);
            Assert.Equal(i % 2 == 0 ? [] : Draw.Normal(routings[i].TokenCount, i), record.Margins);
            RandomRoutings.AssertEqual(routings[i], record, weights);
        }
    }, iter: 300);

    [Fact]
    public void A_file_cut_anywhere_is_read_to_its_last_good_record()
    {
        var ends = new List<long>();
        var stream = new MemoryStream();
        using (var log = new RoutingLogWriter(stream, leaveOpen: true))
        {
            ends.Add(stream.Position);
            for (int i = 0; i < 3; i++)
            {
                log.Append("a", i, Small());
                ends.Add(stream.Position);
            }
        }

        byte[] bytes = stream.ToArray();
        for (int length = (int)ends[0]; length <= bytes.Length; length++)
        {
            var log = RoutingLog.Read(new MemoryStream(bytes[..length]));
            int whole = ends.Count(e => e <= length) - 1;
            Assert.Equal(whole, log.Records.Count);
            Assert.Equal(length - ends[whole], log.LostBytes);
            Assert.Equal(log.LostBytes == 0 ? null : $"the file ends inside a record: {log.LostBytes} bytes from byte {ends[whole]} on are lost", log.Problem);
        }

        for (int length = 0; length < ends[0]; length++)
            Assert.Contains($"Not a routing log: {length} bytes", Assert.Throws<InvalidDataException>(() => RoutingLog.Read(new MemoryStream(bytes[..length]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_record_ends_the_log_and_what_was_lost_is_said()
    {
        byte[] bytes = Written(static log =>
        {
            log.Append("a", 0, Small());
            log.Append("a", 1, Small());
        });
        int second = 16 + (bytes.Length - 16) / 2;
        bytes[second + 20] ^= 4;
        var log = RoutingLog.Read(new MemoryStream(bytes));
        Assert.Equal(0, Assert.Single(log.Records).Step);
        Assert.Equal($"a checksum does not match: {bytes.Length - second} bytes from byte {second} on are lost", log.Problem);
        Assert.Contains("must hold one (a checksum", Assert.Throws<ArgumentException>(() => log.Find("a", 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0x4E, "does not begin with \"MoERoute\"")]
    [InlineData(8, 2, "has version 2; this library reads 1")]
    [InlineData(10, 1, "damaged")]
    [InlineData(12, 1, "damaged")]
    public void Another_header_is_refused(int at, byte value, string message)
    {
        byte[] bytes = Written(static _ => { });
        bytes[at] = value;
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => RoutingLog.Read(new MemoryStream(bytes))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 9, "kind = 9: must be 0, 1 or 2")]
    [InlineData(0, 2, "flags = 11: a dense routing has weights, no drops and no capacity")]
    [InlineData(1, 16, "flags = 16: has unknown bits")]
    [InlineData(1, 4, "flags = 4: only a dense routing has dispatch weights")]
    [InlineData(2, 0, "name length = 0: must be in 1..1024")]
    [InlineData(2, 40, "length = 48: the record needs 40 bytes more where 20 are left")]
    [InlineData(11, 255, "step = -72057594037927931: must not be negative")]
    [InlineData(15, 255, "T = 4278190082: must be in 0..2147483647")]
    [InlineData(15, 127, "length = 48: the record needs 2130706434 bytes more where 19 are left")]
    [InlineData(1, 3, "length = 48: 8 bytes are left over")]
    [InlineData(16, 0, "E = 0: must be in 1..1048576")]
    [InlineData(19, 127, "E = 2130706435: must be in 1..1048576")]
    [InlineData(16, 2, "expert of route 0 = 2: must be below E (2)")]
    [InlineData(20, 0, "K = 0: must be in 1..1048576")]
    [InlineData(27, 255, "capacity = -16777216: must be -1 (none) or more")]
    [InlineData(28, 0xC3, "Unable to translate")]
    [InlineData(31, 2, "dropped route = 1: must be a route with an expert")]
    [InlineData(31, 8, "dropped route = 3: must be a route with an expert")]
    [InlineData(31, 0, "expert 2 keeps 1 routes; must be at most capacity (0)")]
    [InlineData(35, 255, "weights[0] = NaN: must be finite")]
    public void A_record_that_lies_with_a_right_checksum_is_refused(int at, byte value, string message)
    {
        byte[] bytes = Written(static log => log.Append("L", 5, Small(), [0.5f, float.NaN]));
        bytes[20 + at] = value;
        if (at == 35) bytes[20 + 34] = 255;
        Seal(bytes);
        string said = Assert.Throws<InvalidDataException>(() => RoutingLog.Read(new MemoryStream(bytes))).Message;
        Assert.StartsWith("The record at byte 16 of the routing log is not valid: ", said, StringComparison.Ordinal);
        Assert.Contains(message, said, StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_whose_product_overflows_are_refused()
    {
        // 2^24 x 2^20 x 2^20 = 2^64, which is 0 in 64 bits.
        byte[] bytes = Written(static log => log.Append("L", 0, new DenseRouting(0, 1, 1, [])));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20 + 12), 1 << 24);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20 + 16), 1 << 20);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20 + 20), 1 << 20);
        Seal(bytes);
        Assert.Contains("too short for 16777216 x 1048576 x 1048576 weights", Assert.Throws<InvalidDataException>(() => RoutingLog.Read(new MemoryStream(bytes))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_huge_length_takes_no_memory()
    {
        byte[] bytes = [.. Written(static _ => { }), 0, 0, 0, 0x3F, 1, 2, 3];
        long before = GC.GetAllocatedBytesForCurrentThread();
        var log = RoutingLog.Read(new MemoryStream(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.Equal(7, log.LostBytes);
    }

    [Fact]
    public void Mutated_logs_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(20260726);
        byte[] sound = Written(static log =>
        {
            log.Append("a", 0, Small(), [1, 2]);
            log.Append("b", 1, new RaggedRouting(300, [0, 2, 3], [299, 0, 7], [1, 2, 3]));
            log.Append("c", 2, new DenseRouting(1, 2, 1, [1, 2], [3, 4]));
        });
        int read = 0, refused = 0;
        for (int i = 0; i < 6000; i++)
        {
            byte[] bytes = [.. sound];
            for (int m = random.Next(1, 4); m > 0; m--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (i % 2 == 0) Seal(bytes);
            if (i % 5 == 0) bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                Assert.InRange(RoutingLog.Read(new MemoryStream(bytes)).Records.Count, 0, 3);
                read++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.True(read > 500 && refused > 500, $"{read} read, {refused} refused");
    }

    [Fact]
    public void A_file_takes_its_name_when_it_is_complete()
    {
        using (var log = RoutingLogWriter.Create(File1))
        {
            log.Append("a", 0, Small());
            log.Flush();
            Assert.False(File.Exists(File1));
            Assert.Single(RoutingLog.Read(File1 + ".partial").Records);
            log.Append("a", 1, Small());
            log.Complete();
        }

        Assert.Equal(2, RoutingLog.Read(File1).Records.Count);
        Assert.False(File.Exists(File1 + ".partial"));
    }

    [Fact]
    public void What_an_interrupted_run_leaves_is_readable_and_is_not_overwritten()
    {
        using (var log = RoutingLogWriter.Create(File1)) log.Append("a", 0, Small());
        Assert.False(File.Exists(File1));
        Assert.Single(RoutingLog.Read(File1 + ".partial").Records);
        Assert.Throws<IOException>(() => RoutingLogWriter.Create(File1));
        Assert.Single(RoutingLog.Read(File1 + ".partial").Records);
    }

    [Fact]
    public void What_cannot_be_logged_is_refused_and_not_half_written()
    {
        var stream = new MemoryStream();
        var log = new RoutingLogWriter(stream);
        Assert.Throws<ArgumentException>(() => log.Append("", 0, Small()));
        Assert.Throws<ArgumentOutOfRangeException>("step", () => log.Append("a", -1, Small()));
        Assert.Throws<ArgumentNullException>("routing", () => log.Append("a", 0, null!));
        Assert.Contains("margins has 1 values; must have one per token (2)", Assert.Throws<ArgumentException>(() => log.Append("a", 0, Small(), [1])).Message, StringComparison.Ordinal);
        Assert.Contains("layer has 1026 bytes", Assert.Throws<ArgumentException>(() => log.Append(new string('é', 513), 0, Small())).Message, StringComparison.Ordinal);
        Assert.Contains("surrogate", Assert.Throws<ArgumentException>(() => log.Append("\ud800", 0, Small())).Message, StringComparison.Ordinal);
        Assert.Contains("has 1048577 experts; must have at most 1048576", Assert.Throws<ArgumentException>(() => log.Append("a", 0, new TopKRouting(0, (1 << 20) + 1, 1, [], []))).Message, StringComparison.Ordinal);
        Assert.Equal(16, stream.Length);
        log.Complete();
        Assert.Throws<ObjectDisposedException>(() => log.Append("a", 0, Small()));
        Assert.Throws<ObjectDisposedException>(log.Flush);
    }

    [Fact]
    public void Two_records_of_one_place_are_not_guessed_between()
    {
        var record = new RoutingRecord("a", 1, Small(), true, []);
        var log = new RoutingLog([record, record, record with { Layer = "b" }]);
        Assert.Equal(["a", "b"], log.Layers);
        Assert.Equal("the log holds 2 records of layer \"a\" at step 1; must hold one", Assert.Throws<ArgumentException>(() => log.Find("a", 1)).Message);
        Assert.Equal("the log holds 0 records of layer \"b\" at step 2; must hold one", Assert.Throws<ArgumentException>(() => log.Find("b", 2)).Message);
    }

    // Two tokens, three experts: the first is dropped by expert 2's capacity of zero, the second is padding.
    private static TopKRouting Small() => new(2, 3, 1, [2, -1], [0, 0], ExpertPlan.FromKept([2, -1], 1, 3, [false, false], [0, -1], 0));

    private static byte[] Written(Action<RoutingLogWriter> write, bool weights = true)
    {
        var stream = new MemoryStream();
        using (var log = new RoutingLogWriter(stream, weights, leaveOpen: true)) write(log);
        return stream.ToArray();
    }

    // Writes the right checksum of every record that is still in one piece.
    private static void Seal(byte[] bytes)
    {
        for (int at = 16; at + 8 <= bytes.Length;)
        {
            long length = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));
            if (at + 8 + length > bytes.Length) return;
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 4 + (int)length), Crc32.Of(bytes.AsSpan(at, 4 + (int)length)));
            at += 8 + (int)length;
        }
    }
}
