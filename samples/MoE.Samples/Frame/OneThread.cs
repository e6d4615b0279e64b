using TorchSharp;

namespace MoE.Samples.Frame;

/// <summary>libtorch on one thread until this is disposed: small layers run fastest so, and seeds run beside each other.</summary>
internal readonly struct OneThread : IDisposable
{
    private readonly int _before;

    private OneThread(int before) => _before = before;

    /// <summary>Begins, and remembers how many threads there were.</summary>
    public static OneThread Begin()
    {
        int before = torch.get_num_threads();
        torch.set_num_threads(1);
        return new OneThread(before);
    }

    /// <inheritdoc/>
    public void Dispose() => torch.set_num_threads(_before);
}
