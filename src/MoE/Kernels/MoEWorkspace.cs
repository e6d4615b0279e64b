namespace MoE;

/// <summary>
/// Scratch memory and threads of one caller of the managed layer. It grows to what a layer needs in the first call and is reused without allocating. Not thread-safe: concurrent callers have one each. Its size does not
/// depend on the number of tokens: 4 (R (D + F) + S (D + Fs)) bytes for R routes and S tokens of a chunk (<see cref="MoEFeedForward.ChunkTokens"/>), and a tile per thread.
/// </summary>
public sealed unsafe class MoEWorkspace : IDisposable
{
    private AlignedBuffer _rows = new(0), _hidden = new(0), _logits = new(0), _training = new(0), _unpacked = new(0);
    private bool _disposed;

    /// <summary>Makes a workspace; its threads start now.</summary>
    /// <param name="threads">Threads that work on a call, the caller's included; positive.</param>
    public MoEWorkspace(int threads = 1)
    {
        Team = new KernelTeam(threads);
        Run = new FeedForwardRun();
        Linear = new LinearRun();
        Product = new ProductRun();
        Outer = new OuterRun();
        Activation = new ActivationRun();
    }

    /// <summary>Threads that work on a call, the caller's included.</summary>
    public int Threads => Team.Threads;

    /// <summary>Bytes of scratch memory at present.</summary>
    public long Bytes => (_rows.Length + _hidden.Length + _logits.Length + _training.Length + _unpacked.Length) * sizeof(float);

    internal KernelTeam Team { get; }

    internal FeedForwardRun Run { get; }

    internal LinearRun Linear { get; }

    /// <summary>Rows by the weights they meet.</summary>
    internal RoutingBuffer Sorting { get; } = new();

    internal ProductRun Product { get; }

    internal OuterRun Outer { get; }

    internal ActivationRun Activation { get; }

    internal float* Rows(long length) => Grown(ref _rows, length);

    internal float* Hidden(long length) => Grown(ref _hidden, length);

    internal float* Logits(long length) => Grown(ref _logits, length);

    internal float* Unpacked(long length) => Grown(ref _unpacked, length);

    internal Span<float> Training(long length) => new(Grown(ref _training, length), checked((int)length));

    /// <summary>Ends the threads and frees the memory.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Team.Dispose();
        _rows.Dispose();
        _hidden.Dispose();
        _logits.Dispose();
        _training.Dispose();
        _unpacked.Dispose();
    }

    private float* Grown(ref AlignedBuffer buffer, long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (buffer.Length < length)
        {
            buffer.Dispose();
            buffer = new AlignedBuffer(length);
        }

        return buffer.Data;
    }
}
