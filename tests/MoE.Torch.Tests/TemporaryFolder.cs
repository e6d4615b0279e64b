namespace MoE.Torch.Tests;

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("moe-test-").FullName;

    /// <summary>A path at which no folder can be made, whoever tries: permission bits do not bind root.</summary>
    public string Impossible
    {
        get
        {
            string file = System.IO.Path.Combine(Path, "file");
            File.WriteAllText(file, "");
            return System.IO.Path.Combine(file, "folder");
        }
    }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
