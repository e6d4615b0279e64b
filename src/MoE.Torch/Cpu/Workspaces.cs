using System.Collections.Concurrent;

namespace MoE.Torch;

/// <summary>Workspaces of the managed kernels, shared by all layers of the process as array pools are: a model of many layers needs the scratch memory of one.</summary>
internal static class Workspaces
{
    private static readonly ConcurrentBag<MoEWorkspace> s_idle = [];

    /// <summary>A workspace with as many threads as libtorch uses; give it back.</summary>
    public static MoEWorkspace Rent()
    {
        int threads = TorchSharp.torch.get_num_threads();
        while (s_idle.TryTake(out var workspace))
        {
            if (workspace.Threads == threads) return workspace;
            workspace.Dispose();
        }

        return new MoEWorkspace(threads);
    }

    public static void Return(MoEWorkspace workspace) => s_idle.Add(workspace);
}
