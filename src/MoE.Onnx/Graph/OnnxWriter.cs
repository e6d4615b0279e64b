namespace MoE.Onnx;

/// <summary>Writes models as ONNX files. Equal models give equal bytes.</summary>
public static class OnnxWriter
{
    /// <summary>What the file of external data has after the model's name.</summary>
    internal const string DataSuffix = ".data";

    private const long AutomaticThreshold = 1024;

    /// <summary>Writes a model with all its data to a stream.</summary>
    /// <param name="model">The model.</param>
    /// <param name="target">A writable stream; left open. What a failing tensor callback leaves in it is incomplete.</param>
    /// <exception cref="OnnxModelException">The model has problems, or takes more than 2 GiB - 1 bytes: then it must be written to a path, which allows external data.</exception>
    public static void Write(OnnxModel model, Stream target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Inline(model, ProtoMessage.MaxLength).CopyTo(target);
    }

    /// <summary>The model with all its data as bytes.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="OnnxModelException">The model has problems, or does not fit an array (about 2 GiB).</exception>
    public static byte[] ToBytes(OnnxModel model)
    {
        var message = Inline(model, Array.MaxLength);
        var bytes = new byte[message.Length];
        message.CopyTo(new MemoryStream(bytes));
        return bytes;
    }

    /// <summary>
    /// Writes a model to a file. Temporary files in the same folder take the bytes and are renamed when complete, so that a failure leaves neither a new file nor a damaged old one.
    /// With external data two files are renamed: a model already there is set aside first, so that it is never seen with the other's data.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file; replaced if present. Its folder must exist.</param>
    /// <param name="options">File layout; null: the defaults.</param>
    /// <exception cref="OnnxModelException">The model has problems, or its graph without external data takes more than 2 GiB - 1 bytes.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(OnnxModel model, string path, OnnxWriteOptions? options = null) =>
        Write(model, path, options ?? new OnnxWriteOptions(), ProtoMessage.MaxLength);

    internal static void Write(OnnxModel model, string path, OnnxWriteOptions options, long limit)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (options.ExternalDataThreshold is { } given) ArgumentOutOfRangeException.ThrowIfNegative(given, nameof(options));
        Check(model);
        var message = new OnnxEncoder().Model(model);
        long? threshold = options.ExternalDataThreshold ?? (message.Length > limit ? AutomaticThreshold : null);
        if (threshold is { } bytes)
        {
            var data = new OnnxDataFile(Path.GetFileName(path) + DataSuffix, model, bytes);
            if (!data.IsEmpty)
            {
                message = new OnnxEncoder(data.Name, data.Offsets).Model(model);
                Refuse(message.Length, limit);
                WritePair(message, data, path);
                return;
            }
        }

        Refuse(message.Length, limit);
        using var file = new ReplacementFile(path);
        message.CopyTo(file.Stream);
        file.Commit();
    }

    private static void WritePair(ProtoMessage message, OnnxDataFile data, string path)
    {
        using var dataFile = new ReplacementFile(path + DataSuffix);
        data.CopyTo(dataFile.Stream);
        using var modelFile = new ReplacementFile(path);
        message.CopyTo(modelFile.Stream);
        modelFile.Complete();
        dataFile.Complete();
        Publish(modelFile.Temporary, dataFile.Temporary, path);
    }

    /// <summary>Gives complete files their names. A model already there is set aside first, so that it is never seen with the other's data.</summary>
    internal static void Publish(string model, string? data, string path)
    {
        if (data is null)
        {
            File.Move(model, path, overwrite: true);
            return;
        }

        string? old = SetAside(path);
        try
        {
            File.Move(data, path + DataSuffix, overwrite: true);
        }
        catch
        {
            if (old is not null) File.Move(old, path);
            throw;
        }

        try
        {
            File.Move(model, path, overwrite: true);
        }
        catch
        {
            File.Delete(path + DataSuffix);
            throw;
        }
        finally
        {
            if (old is not null) File.Delete(old);
        }
    }

    private static string? SetAside(string path)
    {
        if (!File.Exists(path)) return null;
        string aside = ReplacementFile.TemporaryName(path);
        File.Move(path, aside);
        return aside;
    }

    private static ProtoMessage Inline(OnnxModel model, long limit)
    {
        Check(model);
        var message = new OnnxEncoder().Model(model);
        Refuse(message.Length, limit);
        return message;
    }

    private static void Check(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var problems = model.Validate();
        if (problems.Count > 0) throw new OnnxModelException(problems);
    }

    internal static void Refuse(long length, long limit)
    {
        if (length > limit)
            throw new OnnxModelException([new SpecProblem("model", $"{length} bytes", $"must not exceed {limit} bytes in one protobuf file; write it to a path, where large initializers go to external data")]);
    }
}
