using System.Runtime.Versioning;
using MoE.Torch.Native;
using TorchSharp;

namespace MoE.Torch.Tests.Native;

[SupportedOSPlatform("linux")]
public class NativeLoaderTests
{
    [Fact]
    public void Torch_works_in_the_test_host()
    {
        using var ones = torch.ones(2, 3);
        using var sum = ones.sum();

        Assert.Equal(6f, sum.item<float>());
        // TorchSharp's own fallback would have copied half a gigabyte to here.
        Assert.False(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "cpu")));
    }

    [Fact]
    public void Registering_again_does_nothing()
    {
        Parallel.For(0, 100, _ => NativeLoader.Register());

        Torch_works_in_the_test_host();
    }

    [SkippableFact]
    public async Task Programs_that_start_together_and_first_of_all_call_torch_work()
    {
        Skip.IfNot(OperatingSystem.IsLinux());
        // Once the host has loaded its copy it no longer needs the file, so the children can be made to race for it.
        Torch_works_in_the_test_host();
        bool patched = Patches().Length > 0;
        foreach (string patch in Patches())
            File.Delete(patch);

        var children = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => ChildProcess.Run("seed")));

        Assert.All(children, child => Assert.Equal((0, "6\n", ""), (child.ExitCode, child.Output, child.Error)));
        Assert.Equal(patched ? 1 : 0, Patches().Length);
        Assert.Empty(Directory.GetFiles(Natives.Folder, ".*.tmp"));

        static string[] Patches() => Directory.GetFiles(Natives.Folder, "libLibTorchSharp.moe-*.so");
    }

    [SkippableFact]
    public async Task An_application_without_libtorch_is_told_so_in_one_sentence()
    {
        Skip.IfNot(OperatingSystem.IsLinux());
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory).Where(file => Path.GetExtension(file) is ".dll" or ".json"))
            File.Copy(file, folder[Path.GetFileName(file)]);
        Directory.CreateDirectory(folder["runtimes/linux-x64/native"]);
        File.Copy(Natives.Path, folder[Path.Combine("runtimes/linux-x64/native", TorchNatives.FileName)]);

        // Else TorchSharp's fallback finds libtorch among the packages, and copies it.
        var child = await ChildProcess.RunIn(folder.Path, new() { ["NUGET_PACKAGES"] = folder.Path }, "seed");

        Assert.NotEqual(0, child.ExitCode);
        Assert.Equal($"MoE.Torch: libtorch.so was not found: add a reference to the package libtorch-cpu-linux-x64 {TorchNatives.LibTorchVersion} (or to the libtorch-cuda package of that version) to the application.",
            child.Error.Split('\n')[0]);
    }
}
