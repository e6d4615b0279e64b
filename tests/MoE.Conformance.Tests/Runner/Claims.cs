using System.Text.Json;

namespace MoE.Conformance.Runner;

/// <summary>What is compared with what was recorded.</summary>
internal enum Part
{
    Forward,
    Gradient,
}

/// <summary>One claim: the engine gives what the peer's function gave, for these types of numbers.</summary>
internal sealed record Claim(string Peer, string Function, string Engine, Part Part, IReadOnlyList<string> Types, IReadOnlyDictionary<string, JsonElement> When)
{
    /// <summary>True if the claim covers the case: its type, and its options where the claim is limited to some values of them.</summary>
    public bool Covers(GoldenCase golden) =>
        golden.Peer == Peer && golden.Function == Function && Types.Contains(golden.Type)
        && When.All(w => golden.Options.TryGetValue(w.Key, out var option) && w.Value.EnumerateArray().Any(v => JsonElement.DeepEquals(v, option)));
}

/// <summary>
/// All claims, from <c>claims.json</c>: peer, function, engine, part, types. A function may have a key <c>when</c> with the option values to which its claims are limited.
/// </summary>
internal sealed class Claims
{
    private Claims(IReadOnlyList<Claim> all) => All = all;

    public IReadOnlyList<Claim> All { get; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="InvalidDataException">It is malformed.</exception>
    public static Claims Read(ReadOnlyMemory<byte> file)
    {
        try
        {
            using var document = JsonDocument.Parse(file, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var root = document.RootElement.Clone();
            if (root.GetProperty("schema").GetInt32() != 1) throw new InvalidDataException("claims.json: schema must be 1");
            return new Claims([.. root.GetProperty("claims").EnumerateObject().SelectMany(
                static peer => peer.Value.EnumerateObject().SelectMany(function => Of(peer.Name, function)))]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new InvalidDataException($"claims.json: {e.Message}", e);
        }
    }

    private static IEnumerable<Claim> Of(string peer, JsonProperty function)
    {
        var when = function.Value.TryGetProperty("when", out var limits)
            ? limits.EnumerateObject().ToDictionary(static l => l.Name, static l => l.Value, StringComparer.Ordinal)
            : [];
        return from engine in function.Value.EnumerateObject()
               where engine.Name != "when"
               let own = engine.Value.TryGetProperty("when", out var narrower)
                   ? when.Concat(narrower.EnumerateObject().Select(static l => KeyValuePair.Create(l.Name, l.Value))).ToDictionary(StringComparer.Ordinal)
                   : when
               from part in engine.Value.EnumerateObject()
               where part.Name != "when"
               select new Claim(peer, function.Name, engine.Name, Enum.Parse<Part>(part.Name, ignoreCase: true), [.. part.Value.EnumerateArray().Select(static t => t.GetString()!)], own);
    }
}
