using System.Runtime.Versioning;
using MoE.Torch.Native;

namespace MoE.Torch.Tests.Native;

[SupportedOSPlatform("linux")]
public sealed class TorchNativesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TorchNativesTests() => Skip.IfNot(OperatingSystem.IsLinux());

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void Says_that_TorchSharps_library_is_missing()
    {
        string message = Assert.Throws<DllNotFoundException>(() => new TorchNatives([_folder.Path, _folder["none"]]).Load()).Message;

        Assert.StartsWith("libLibTorchSharp.so was not found", message);
    }

    [SkippableFact]
    public async Task Says_which_package_is_missing()
    {
        File.Copy(Natives.Path, _folder[TorchNatives.FileName]);

        var child = await ChildProcess.Run("load", _folder.Path);

        Assert.Equal(1, child.ExitCode);
        Assert.Equal("libtorch.so was not found: add a reference to the package libtorch-cpu-linux-x64 2.10.0 (or to the libtorch-cuda package of that version) to the application.\n", child.Output);
    }

    [SkippableFact]
    public async Task Says_which_library_is_broken()
    {
        File.Copy(Natives.Path, _folder[TorchNatives.FileName]);
        File.WriteAllText(_folder["libtorch.so"], "not a library");

        var child = await ChildProcess.Run("load", _folder.Path);

        Assert.Equal(1, child.ExitCode);
        Assert.Equal($"{_folder["libtorch.so"]} could not be loaded: {_folder["libtorch.so"]}: file too short.\n", child.Output);
    }

    [SkippableFact]
    public void Refuses_a_malformed_library()
    {
        File.WriteAllText(_folder[TorchNatives.FileName], "not a library");

        Assert.Throws<InvalidDataException>(() => new TorchNatives([_folder.Path]).Load());
    }

    [SkippableFact]
    public void The_package_named_in_the_message_is_the_one_that_works()
    {
        string files = (string)AppContext.GetData("APP_CONTEXT_DEPS_FILES")!;

        Assert.Contains($"\"libtorch-cpu-linux-x64/{TorchNatives.LibTorchVersion}\"", File.ReadAllText(files.Split(';')[0]));
    }
}
