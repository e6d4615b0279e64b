namespace MoE.Onnx;

/// <summary>An exported model does not give the layer's numbers. Nothing of it was kept.</summary>
public sealed class OnnxVerificationException : Exception
{
    /// <summary>Makes the exception of a comparison that failed.</summary>
    /// <param name="verification">The comparison.</param>
    public OnnxVerificationException(OnnxVerification verification)
        : base(Text(verification)) => Verification = verification;

    /// <summary>The comparison.</summary>
    public OnnxVerification Verification { get; }

    private static string Text(OnnxVerification verification)
    {
        ArgumentNullException.ThrowIfNull(verification);
        return "The exported model does not give the layer's numbers; nothing was kept.\n" + verification.ToText();
    }
}
