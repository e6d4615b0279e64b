using System.Buffers.Binary;
using System.Text;

namespace MoE.Tests.Checkpoints.Safetensors;

/// <summary>Safetensors files byte by byte, from the description of the format and not from our writer.</summary>
internal static class Bytes
{
    public static byte[] File(string header, params byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header), file = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)json.Length);
        json.CopyTo(file, 8);
        data.CopyTo(file, 8 + json.Length);
        return file;
    }

    public static string Write(TemporaryFolder folder, byte[] content, string name = "x.safetensors")
    {
        string path = Path.Combine(folder.Path, name);
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }
}
