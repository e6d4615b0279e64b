using System.Text;

namespace MoE.Onnx.Tests;

/// <summary>The wire format against bytes worked out by hand from the protobuf encoding document.</summary>
public class ProtoMessageTests
{
    [Theory]
    [InlineData(0L, "08 00")]
    [InlineData(1L, "08 01")]
    [InlineData(127L, "08 7F")]
    [InlineData(128L, "08 80 01")]
    [InlineData(150L, "08 96 01")]
    [InlineData(300L, "08 AC 02")]
    [InlineData(16383L, "08 FF 7F")]
    [InlineData(16384L, "08 80 80 01")]
    [InlineData(long.MaxValue, "08 FF FF FF FF FF FF FF FF 7F")]
    [InlineData(-1L, "08 FF FF FF FF FF FF FF FF FF 01")]
    [InlineData(long.MinValue, "08 80 80 80 80 80 80 80 80 80 01")]
    public void Varints(long value, string bytes) => Assert.Equal(bytes, Hex(new ProtoMessage().Varint(1, value)));

    [Fact]
    public void Field_numbers_above_fifteen_take_two_bytes_of_tag() =>
        Assert.Equal("A0 01 05", Hex(new ProtoMessage().Varint(20, 5)));

    [Fact]
    public void Floats_are_little_endian() =>
        Assert.Equal("15 00 00 80 3F", Hex(new ProtoMessage().Float(2, 1f)));

    [Theory]
    [InlineData("", "12 00")]
    [InlineData("testing", "12 07 74 65 73 74 69 6E 67")]
    [InlineData("é€", "12 05 C3 A9 E2 82 AC")]
    public void Texts_are_utf8(string text, string bytes) => Assert.Equal(bytes, Hex(new ProtoMessage().Text(2, text)));

    [Fact]
    public void A_lone_surrogate_is_no_text() =>
        Assert.Throws<EncoderFallbackException>(() => new ProtoMessage().Text(2, "a\uD800"));

    [Fact]
    public void Packed_varints() =>
        Assert.Equal("32 06 03 8E 02 9E A7 05", Hex(new ProtoMessage().PackedVarints(6, [3, 270, 86942])));

    [Fact]
    public void Packed_floats() =>
        Assert.Equal("3A 08 00 00 00 3F 00 00 00 C0", Hex(new ProtoMessage().PackedFloats(7, [0.5f, -2f])));

    [Fact]
    public void Empty_packed_fields_vanish() =>
        Assert.Equal("", Hex(new ProtoMessage().PackedFloats(7, []).PackedVarints(8, [])));

    [Fact]
    public void Nested_messages_and_payloads_keep_their_place()
    {
        var inner = new ProtoMessage().Varint(1, 150);
        var outer = new ProtoMessage()
            .Varint(1, 1)
            .Message(3, inner)
            .Payload(9, new MemoryPayload<byte>(new byte[] { 0xAA, 0xBB }))
            .Message(3, new ProtoMessage())
            .Varint(2, 2);
        Assert.Equal("08 01 1A 03 08 96 01 4A 02 AA BB 1A 00 10 02", Hex(outer));
        Assert.Equal(15, outer.Length);
    }

    [Fact]
    public void Lengths_beyond_2_GiB_are_counted_without_writing_anything()
    {
        var payload = new DeferredPayload(3L << 30, static _ => Assert.Fail("must not be asked for its bytes"));
        var message = new ProtoMessage().Payload(1, payload);
        Assert.Equal((3L << 30) + 1 + 5, message.Length);
        Assert.Equal((3L << 30) + 6 + 1 + 5, new ProtoMessage().Message(2, message).Length);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void A_payload_of_another_length_than_announced_is_refused(int written)
    {
        var message = new ProtoMessage().Payload(1, new DeferredPayload(4, target => target.Write(new byte[written])));
        var e = Assert.Throws<InvalidOperationException>(() => message.CopyTo(Stream.Null));
        Assert.Contains("4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Varint_sizes()
    {
        for (int bit = 0; bit < 64; bit++)
        {
            ulong value = 1UL << bit;
            Assert.Equal((bit / 7) + 1, ProtoMessage.VarintSize(value));
        }

        Assert.Equal(1, ProtoMessage.VarintSize(0));
    }

    private static string Hex(ProtoMessage message)
    {
        using var stream = new MemoryStream();
        message.CopyTo(stream);
        Assert.Equal(message.Length, stream.Length);
        return string.Join(' ', stream.ToArray().Select(static b => b.ToString("X2")));
    }
}
