using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoE.Benchmarks;

/// <summary>The names of the report's keys, and the code that reads and writes them.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true,
    NewLine = "\n",
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CompareReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
