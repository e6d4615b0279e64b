using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx;

/// <summary>Opens sessions, and says in one sentence what is wrong where that fails.</summary>
internal static class OrtSessions
{
    public static InferenceSession Open(string path, OnnxEngineOptions? options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no model at {path}.", path);
        return Open(options, o => new InferenceSession(path, o));
    }

    public static InferenceSession Open(byte[] model, OnnxEngineOptions? options)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Open(options, o => new InferenceSession(model, o));
    }

    /// <summary>Opens a model whose large initializers lie in memory of ours.</summary>
    public static InferenceSession Open(OnnxModel model, WeightMemory memory, OnnxEngineOptions? options)
    {
        // The file of external data must exist, but nobody reads it where every one of its tensors is given. It goes with the folder once the session is open.
        string folder = Directory.CreateTempSubdirectory("moe-onnx-").FullName;
        try
        {
            string path = Path.Combine(folder, "layer.onnx");
            memory.Write(model, path);
            return Open(options, o =>
            {
                memory.AddTo(o);
                return new InferenceSession(path, o);
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The text under a metadata key.</summary>
    /// <exception cref="InvalidDataException">The key is absent.</exception>
    public static string Metadata(InferenceSession session, string key, string what) =>
        session.ModelMetadata.CustomMetadataMap.TryGetValue(key, out string? text)
            ? text
            : throw new InvalidDataException($"The model has no metadata \"{key}\": it is not a {what} written by MoE.Onnx.");

    /// <summary>Refuses a model whose inputs and outputs are not those of its spec.</summary>
    public static void Require(InferenceSession session, IReadOnlyList<(string Name, bool Input, Type Element, int Columns)> expected)
    {
        var problems = new List<string>();
        foreach (var (name, input, element, columns) in expected)
        {
            string kind = input ? "input" : "output";
            if (!(input ? session.InputMetadata : session.OutputMetadata).TryGetValue(name, out var found))
                problems.Add($"{kind} {name} is missing");
            else if (!found.IsTensor || found.ElementType != element || found.Dimensions is not [-1, var c] || c != columns)
                problems.Add($"{kind} {name} is {found.ElementType?.Name}[{string.Join(", ", found.Dimensions ?? [])}]; must be {element.Name}[-1, {columns}]");
        }

        if (problems.Count > 0) throw new InvalidDataException($"The model does not fit its own spec: {string.Join("; ", problems)}.");
    }

    private static InferenceSession Open(OnnxEngineOptions? options, Func<SessionOptions, InferenceSession> open)
    {
        options ??= new OnnxEngineOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.IntraOpThreads, nameof(options));
        try
        {
            OrtVersion.Require(OrtVersion.Loaded);
            using var session = new SessionOptions { IntraOpNumThreads = options.IntraOpThreads };
            if (!options.Prepacking) session.AddSessionConfigEntry("session.disable_prepacking", "1");
            if (!options.Spinning) session.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
            return open(session);
        }
        catch (Exception e) when (OrtVersion.IsTooOld(e))
        {
            throw new NotSupportedException($"The native library onnxruntime is too old: {e.GetBaseException().Message} It must be {OrtVersion.Oldest} or later; reference a newer Microsoft.ML.OnnxRuntime (or one of its variants) in the application.", e);
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidDataException($"ONNX Runtime refuses the model: {e.Message}", e);
        }
        catch (Exception e) when (IsMissingLibrary(e))
        {
            throw new DllNotFoundException("The native library onnxruntime was not found: reference the package Microsoft.ML.OnnxRuntime (or one of its variants) in the application.", e);
        }
    }

    // The managed part loads the library in a static constructor.
    internal static bool IsMissingLibrary(Exception? e) => e is DllNotFoundException || (e is TypeInitializationException && IsMissingLibrary(e.InnerException));
}
