using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using MoE.Conformance.Adapters;
using MoE.Conformance.Engines;

namespace MoE.Conformance.Runner.Tests;

/// <summary>The repository's own cases, to be run as they are or with something changed.</summary>
internal static class Golden
{
    private static readonly Assembly Here = typeof(Golden).Assembly;
    private static readonly IReadOnlyDictionary<string, CaseFile> Files = CaseSource.Files(null, Here).ToDictionary(static f => f.Name);

    public static IReadOnlyCollection<CaseFile> All => [.. Files.Values];

    public static Claims Claims { get; } = Claims.Read(Resource("claims.json"));

    public static byte[] Bytes(string name) => Files[name].Read();

    /// <summary>A case as JSON that can be changed.</summary>
    public static JsonNode Json(string name) => JsonNode.Parse(Bytes(name))!;

    public static GoldenCase Read(JsonNode json) => GoldenReader.Read(Encoding.UTF8.GetBytes(json.ToJsonString()));

    /// <summary>Runs a case on the managed engine, forward.</summary>
    public static RowResult Forward(JsonNode json) => Run(json, new ManagedEngine(), RowKind.Forward);

    public static RowResult Run(JsonNode json, IEngine engine, RowKind kind) =>
        new CaseRunner(MoE.Conformance.Adapters.All.Adapters, [engine]).Run(new Row("case.json", engine.Name, kind, Read(json), null));

    /// <summary>The data of a tensor.</summary>
    public static JsonArray Data(this JsonNode json, string group, string key) => json[group]![key]!["data"]!.AsArray();

    public static byte[] Resource(string name)
    {
        using var stream = Here.GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    public static string Text(string name) => Encoding.UTF8.GetString(Resource(name));

    public static IEnumerable<string> Resources(string prefix) => Here.GetManifestResourceNames().Where(n => n.StartsWith(prefix, StringComparison.Ordinal));
}
