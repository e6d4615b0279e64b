using System.Collections.Concurrent;

namespace MoE.Torch;

/// <summary>Workspaces of the managed kernels, shared by all layers of the process as array pools are: a model of many layers needs the scratch memory of one.</summary>
internal static class Workspaces
{
    private static readonly ConcurrentBag<MoEWorkspace> s_idle = [];

    /// <summary>A workspace with as many threads as libtorch uses; disposing gives it back.</summary>
    public static Lease Rent()
    {
        int threads = TorchSharp.torch.get_num_threads();
        while (s_idle.TryTake(out var workspace))
        {
            if (workspace.Threads == threads) return new Lease(workspace);
            workspace.Dispose();
        }

        return new Lease(new MoEWorkspace(threads));
    }

    /// <summary>A workspace for one call.</summary>
    internal readonly struct Lease(MoEWorkspace workspace) : IDisposable
    {
        public MoEWorkspace Workspace { get; } = workspace;

        public void Dispose() => s_idle.Add(Workspace);
    }
}
