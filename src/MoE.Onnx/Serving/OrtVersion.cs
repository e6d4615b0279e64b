using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx;

/// <summary>The version of the native library, which the application picks.</summary>
internal static class OrtVersion
{
    /// <summary>The version that everything here was run on; its QMoE has router weights, which older ones lack or ignore.</summary>
    public static readonly Version Oldest = new(1, 31);

    /// <summary>What is loaded, as ONNX Runtime says it.</summary>
    public static string Loaded => OrtEnv.Instance().GetVersionString();

    /// <summary>Refuses an older native library.</summary>
    /// <exception cref="NotSupportedException">The library is older.</exception>
    public static void Require(string loaded)
    {
        // Builds may carry a suffix: 1.32.0-dev.
        string numbers = loaded.Split('-', '+')[0];
        if (Version.TryParse(numbers, out var version) && version >= Oldest) return;
        throw new NotSupportedException(string.Create(CultureInfo.InvariantCulture,
            $"The native library onnxruntime has version {loaded}; must be {Oldest} or later: reference a newer Microsoft.ML.OnnxRuntime (or one of its variants) in the application."));
    }

    /// <summary>True where the managed part failed to start because the library does not have its version of the functions (ran: 1.30 under 1.31).</summary>
    public static bool IsTooOld(Exception? e) => e is TypeInitializationException { InnerException: var inner } && (inner is InvalidOperationException || IsTooOld(inner));
}
