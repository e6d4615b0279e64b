using System.Globalization;
using System.Text.Json;

namespace MoE.Samples.Frame;

/// <summary>A result file, read back: what pages about many runs need of it.</summary>
/// <param name="Id">The sample.</param>
/// <param name="Scale">quick or paper.</param>
/// <param name="Seconds">Running time.</param>
/// <param name="Seeds">How many seeds are finished.</param>
/// <param name="Ablated">The mechanism left out, or null.</param>
/// <param name="Date">Day of the run, or empty.</param>
/// <param name="Machine">What it ran on, or empty.</param>
/// <param name="Claims">The claims.</param>
/// <param name="Controls">The controls.</param>
public sealed record StoredResult(
    string Id, string Scale, double Seconds, int Seeds, string? Ablated, string Date, string Machine, IReadOnlyList<StoredResult.Claim> Claims, IReadOnlyList<StoredResult.Claim> Controls)
{
    /// <summary>A claim or control of a result file.</summary>
    public sealed record Claim(string Id, string Statement, string Unit, double Measured, double Low, double High, string Bound, bool Exact, string Verdict, string Reason);

    /// <summary>The results of a file: of one run or of several.</summary>
    /// <exception cref="InvalidDataException">It is no result file of schema 1.</exception>
    public static IReadOnlyList<StoredResult> Read(ReadOnlyMemory<byte> file)
    {
        try
        {
            using var document = JsonDocument.Parse(file);
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Array ? [.. root.EnumerateArray().Select(Of)] : [Of(root)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException($"is no result file of schema 1: {e.Message}", e);
        }
    }

    private static StoredResult Of(JsonElement result)
    {
        if (result.GetProperty("schema").GetInt32() != 1) throw new InvalidDataException($"has schema {result.GetProperty("schema").GetInt32()}; must be 1");
        var numbers = result.GetProperty("numbers");
        return new(
            Word(result, "id"), Word(result, "scale"), Number(result.GetProperty("seconds")), result.GetProperty("seeds").GetArrayLength(), result.GetProperty("ablated").GetString(),
            numbers.TryGetProperty("date", out var date) ? date.GetString() ?? "" : "", numbers.TryGetProperty("machine", out var machine) ? machine.GetString() ?? "" : "",
            [.. result.GetProperty("claims").EnumerateArray().Select(ClaimOf)], [.. result.GetProperty("controls").EnumerateArray().Select(ClaimOf)]);
    }

    private static Claim ClaimOf(JsonElement claim)
    {
        var bound = claim.GetProperty("bound");
        var value = bound.GetProperty("value");
        string limit = value.ValueKind == JsonValueKind.Array ? $"[{string.Join(", ", value.EnumerateArray().Select(static v => Number(v).ToString(CultureInfo.InvariantCulture)))}]" : Number(value).ToString(CultureInfo.InvariantCulture);
        return new(
            Word(claim, "id"), Word(claim, "statement"), Word(claim, "unit"), Number(claim.GetProperty("measured")), Number(claim.GetProperty("low")), Number(claim.GetProperty("high")),
            $"{Word(bound, "op")} {limit}", claim.GetProperty("exact").GetBoolean(), Word(claim, "verdict"), Word(claim, "reason"));
    }

    private static string Word(JsonElement element, string name) => element.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, CultureInfo.InvariantCulture) : value.GetDouble();
}
