using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Enums as <c>snake_case</c> words; numbers are refused.</summary>
internal sealed class SnakeCaseEnumConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;
