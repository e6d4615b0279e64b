using MoE.Torch.Native;

namespace MoE.Torch.Tests.Native;

/// <summary>Where this test's own TorchSharp natives lie.</summary>
internal static class Natives
{
    public static string Folder { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native");

    public static string Path { get; } = System.IO.Path.Combine(Folder, TorchNatives.FileName);
}
