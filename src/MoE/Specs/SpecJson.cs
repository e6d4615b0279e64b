using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    public static T Read<T>(string json, JsonTypeInfo<T> type, int schema, Action<JsonObject> fillDefaults) where T : class
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            // By way of bytes: a lone surrogate becomes a replacement character instead of an exception of the encoder.
            var root = JsonNode.Parse(Encoding.UTF8.GetBytes(json), null, new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new InvalidDataException("The JSON is not an object.");
            RefuseOtherSchema(root, schema);
            fillDefaults(root);
            return root.Deserialize(type)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            string path = e is JsonException { Path: { } at } && !e.Message.Contains(at, StringComparison.Ordinal) ? $" Path: {at}." : "";
            throw new InvalidDataException($"Not a valid {typeof(T).Name}: {e.Message}{path}", e);
        }
    }

    // Looked at first: a newer schema may have keys that would otherwise be reported as unknown.
    private static void RefuseOtherSchema(JsonObject root, int schema)
    {
        if (!root.TryGetPropertyValue("schema", out var found))
            throw new InvalidDataException("The key \"schema\" is missing.");
        if (found is not JsonValue value || !value.TryGetValue(out int version) || version != schema)
            throw new InvalidDataException($"\"schema\" is {found?.ToJsonString() ?? "null"}; this version reads {schema}.");
    }
}
