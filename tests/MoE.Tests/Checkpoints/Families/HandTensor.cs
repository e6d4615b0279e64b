using System.Buffers.Binary;
using System.Text;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>A tensor as it stands in a file that a test makes byte by byte.</summary>
internal sealed record HandTensor(string Name, string Type, long[] Shape, byte[] Data)
{
    /// <summary>Numbers in single precision, bfloat16 (cut off, as halves of the same bits) or half precision.</summary>
    public static HandTensor Of(string name, long[] shape, float[] values, string type = "F32")
    {
        if (shape.Aggregate(1L, static (n, d) => n * d) != values.Length) throw new ArgumentException($"{name}: {values.Length} values for [{string.Join(", ", shape)}]", nameof(values));
        byte[] data = new byte[values.Length * (type == "F32" ? 4 : 2)];
        for (int i = 0; i < values.Length; i++)
        {
            switch (type)
            {
                case "F32": BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * i), values[i]); break;
                case "BF16": BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(2 * i), (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16)); break;
                default: BinaryPrimitives.WriteHalfLittleEndian(data.AsSpan(2 * i), (Half)values[i]); break;
            }
        }

        return new HandTensor(name, type, shape, data);
    }

    /// <summary>A file of the format, in the order given.</summary>
    public static byte[] File(IEnumerable<HandTensor> tensors)
    {
        var header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
        var data = new List<byte>();
        foreach (var t in tensors)
        {
            header.Append($",\"{t.Name}\":{{\"dtype\":\"{t.Type}\",\"shape\":[{string.Join(',', t.Shape)}],\"data_offsets\":[{data.Count},{data.Count + t.Data.Length}]}}");
            data.AddRange(t.Data);
        }

        return Bytes.File(header.Append('}').ToString(), [.. data]);
    }

    /// <summary>A model's folder of one file.</summary>
    public static string Folder(TemporaryFolder parent, string name, string config, IEnumerable<HandTensor> tensors)
    {
        string path = Path.Combine(parent.Path, name);
        Directory.CreateDirectory(path);
        System.IO.File.WriteAllText(Path.Combine(path, "config.json"), config);
        System.IO.File.WriteAllBytes(Path.Combine(path, "model.safetensors"), File(tensors));
        return path;
    }
}
