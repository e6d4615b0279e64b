using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace MoE;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    AllowOutOfOrderMetadataProperties = true,
    AllowDuplicateProperties = false,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(RouterSpec))]
[JsonSerializable(typeof(MoELayerSpec))]
internal sealed partial class SpecJsonContext : JsonSerializerContext;

/// <summary>Reading and writing of versioned specs.</summary>
internal static class SpecJson
{
    public static string Write<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.Serialize(value, type) + "\n";

    public static T Read<T>(string json, JsonTypeInfo<T> type, int schema) where T : class
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            RefuseOtherSchema(json, schema);
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidDataException("The JSON is null, not a spec.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidDataException($"Not a valid {typeof(T).Name}: {e.Message}", e);
        }
    }

    // Looked at first: a newer schema may have keys that would otherwise be reported as unknown.
    private static void RefuseOtherSchema(string json, int schema)
    {
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"The JSON is {document.RootElement.ValueKind}, not an object.");
        if (!document.RootElement.TryGetProperty("schema", out var found))
            throw new InvalidDataException("The key \"schema\" is missing.");
        if (found.ValueKind != JsonValueKind.Number || !found.TryGetInt32(out int version) || version != schema)
            throw new InvalidDataException($"\"schema\" is {found.GetRawText()}; this version reads {schema}.");
    }
}
