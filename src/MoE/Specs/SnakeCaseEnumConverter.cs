using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoE;

/// <summary>
/// Enums as <c>snake_case</c> words, exactly. Numbers are refused, and so are other spellings and lists: the framework's converter reads "a, b" as a | b, which of plain enums is another member.
/// </summary>
internal sealed class SnakeCaseEnumConverter<T> : JsonConverter<T>
    where T : struct, Enum
{
    private static readonly Dictionary<T, string> s_words = Enum.GetValues<T>().ToDictionary(static v => v, static v => JsonNamingPolicy.SnakeCaseLower.ConvertName(v.ToString()));

    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? word = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        foreach (var (value, known) in s_words)
        {
            if (known == word) return value;
        }

        string found = word is null ? reader.TokenType.ToString() : $"\"{(word.Length <= 40 ? word : word[..40])}\"";
        throw new JsonException($"{found}: must be one of {string.Join(", ", s_words.Values)}.");
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WriteStringValue(s_words.TryGetValue(value, out string? word) ? word : throw new JsonException($"{value} is not a {typeof(T).Name}"));
}
