using System.Text;
using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints.Safetensors;

/// <summary>Broken files are refused or read, never anything else, and what is given out lies within the file.</summary>
public sealed class SafetensorsMutationTests
{
    private static readonly string[] Words = ["{", "}", "[", "]", ":", ",", "\"", "\"dtype\"", "\"F32\"", "\"data_offsets\"", "\"shape\"", "[0,8]", "9223372036854775807", "-1", "1e3", "null", "\"__metadata__\":{", "\\u0061", "\\ud800", " ", "\n"];

    [Fact]
    public void Ten_thousand_mutations() => Mutate(0, 10_000);

    // A million in all, in pieces of some minutes.
    [Theory, Trait("Category", "Long")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Two_hundred_thousand_mutations(int seed) => Mutate(seed, 200_000);

    private static void Mutate(int seed, int count)
    {
        byte[] good = Bytes.File("""{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1,3],"data_offsets":[8,11]}}  """, new byte[11]);
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "x.safetensors");
        var random = new Random(seed);
        int read = 0, refused = 0;
        for (int n = 0; n < count; n++)
        {
            var bytes = good.ToList();
            for (int i = random.Next(1, 4); i > 0; i--) Change(bytes, random);
            byte[] content = [.. bytes];
            File.WriteAllBytes(path, content);
            try
            {
                using var file = SafetensorsFile.Open(path);
                int start = 8 + (int)BitConverter.ToInt64(content);
                foreach (var entry in file.Entries) Assert.Equal(content.AsSpan(start + (int)entry.Offset, (int)entry.Length), file.Bytes(entry));
                read++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        // Changes of the data and of names are harmless; both outcomes must have been tried.
        Assert.True(read > count / 50 && refused > count / 5, $"{read} read, {refused} refused");
    }

    private static void Change(List<byte> bytes, Random random)
    {
        int at = random.Next(bytes.Count);
        switch (random.Next(6))
        {
            case 0: bytes[at] = (byte)random.Next(256); break;
            case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
            case 3: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Words[random.Next(Words.Length)])); break;
            case 4: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 60), bytes.Count - at))); break;
            default: bytes[random.Next(Math.Min(8, bytes.Count))] = (byte)random.Next(256); break;
        }

        if (bytes.Count == 0) bytes.Add(0);
        // Half of the time the length is made to fit again, so that the header itself is reached.
        if (bytes.Count < 19 || random.Next(2) != 0) return;
        byte[] length = BitConverter.GetBytes((long)(bytes.Count - 19));
        for (int i = 0; i < length.Length; i++) bytes[i] = length[i];
    }
}
