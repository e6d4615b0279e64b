namespace MoE.Onnx.Tests;

/// <summary>A folder of its own under the system's temporary one, gone after the test.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("moe-onnx-").FullName;

    public string this[string name] => Path.Combine(_root, name);

    public string[] Files => [.. Directory.EnumerateFiles(_root).Select(static f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
