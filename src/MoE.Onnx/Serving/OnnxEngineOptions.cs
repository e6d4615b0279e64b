namespace MoE.Onnx;

/// <summary>How ONNX Runtime serves a model.</summary>
public sealed record OnnxEngineOptions
{
    /// <summary>Threads that share the work of one call; zero: as many as ONNX Runtime chooses (one per physical core).</summary>
    public int IntraOpThreads { get; init; }

    /// <summary>Idle threads spin for a while before they sleep: faster calls on an idle machine, slower neighbours on a busy one.</summary>
    public bool Spinning { get; init; } = true;

    /// <summary>
    /// ONNX Runtime keeps a second copy of the matrices of standard operators, packed for its products: faster calls. Without it a layer of <see cref="OnnxMoELayer.Create"/> runs on the caller's weights alone.
    /// </summary>
    public bool Prepacking { get; init; } = true;

    /// <summary>Refuse tokens with NaN or infinities. One pass over the input; without it such a token's experts and output are unspecified.</summary>
    public bool CheckTokens { get; init; } = true;
}
