using System.Globalization;

namespace MoE.Onnx;

/// <summary>
/// Exports a layer or a router as ONNX: picks the form, writes the files under a hidden name, runs them in ONNX Runtime against the managed engine on random and adversarial inputs, and gives them their name only if the numbers are equal.
/// Whatever fails leaves nothing behind, and a file that was there as it was.
/// </summary>
/// <example><code>
/// var report = OnnxExporter.Export(layer.Spec, layer.export_weights(), "layer.onnx");
/// Console.Write(report.ToText());
/// </code></example>
public static class OnnxExporter
{
    /// <summary>Experts up to which the branches of <see cref="OnnxLayerForm.Portable"/> are picked: beyond, opening a session takes seconds (measured: 64 experts of 12 MiB, 2.5 to 8 s).</summary>
    public const int MostBranches = 128;

    /// <summary>What each form makes of a layer, the preferred one first.</summary>
    /// <param name="spec">The layer.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    public static IReadOnlyList<OnnxFormChoice> Forms(MoELayerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        bool many = spec.Router.Experts > MostBranches;
        OnnxFormChoice Of(OnnxLayerForm form, string remark) => new(form, OnnxLayerWriter.Refusals(spec, form), remark);
        var portable = Of(OnnxLayerForm.Portable, many
            ? string.Create(CultureInfo.InvariantCulture, $"exact, and the fastest once it runs, but more than {MostBranches} branches take long to open")
            : "exact, standard operators, and the fastest: experts without tokens cost nothing, the weights are packed once");
        var contrib = Of(OnnxLayerForm.Contrib, "exact, and opened without a second copy of the weights, but slower: com.microsoft::MoE packs none; and other runtimes do not have it");
        var loop = Of(OnnxLayerForm.Loop, "exact, standard operators, a small graph for any number of experts, but each call copies the weights of the experts that it uses");
        var quantized = Of(OnnxLayerForm.Quantized, "rounds the weights, so it is taken only where it is asked for");
        return many ? [contrib, loop, portable, quantized] : [portable, contrib, loop, quantized];
    }

    /// <summary>Exports a layer.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>, finite; read several times, and unchanged until the call returns.</param>
    /// <param name="path">The file; replaced if present. Its folder must exist. With external data there is a second file, <c>.data</c> appended to the name.</param>
    /// <param name="options">Null: the defaults, which verify.</param>
    /// <param name="progress">Told each stage as it begins.</param>
    /// <param name="cancellation">Asks to stop; nothing is left then.</param>
    /// <returns>Form, reasons, files and what the comparison gave.</returns>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">No form, or not the one asked for, can express the layer; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    /// <exception cref="OnnxVerificationException">What was written gives other numbers.</exception>
    /// <exception cref="NotSupportedException">The native ONNX Runtime is too old to verify with.</exception>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public static OnnxExportReport Export(MoELayerSpec spec, IWeightSource weights, string path, OnnxExportOptions? options = null, IProgress<OnnxExportStage>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(weights);
        options ??= new OnnxExportOptions();
        var forms = Forms(spec);
        var chosen = options.Form is { } asked
            ? forms.FirstOrDefault(f => f.Form == asked) ?? throw new ArgumentOutOfRangeException(nameof(options), asked, "must be a defined form")
            : forms.FirstOrDefault(static f => f.IsPossible && f.Form != OnnxLayerForm.Quantized) ?? forms.First(static f => f.Form == OnnxLayerForm.Portable);
        var model = OnnxLayerWriter.Build(spec, weights, chosen.Form, options.Layer);
        var (files, verification) = Publish(model, path, options, progress, cancellation, staged => VerifyLayer(staged, spec, weights, chosen.Form, options, progress, cancellation));
        return new OnnxExportReport
        {
            Files = files,
            Form = chosen.Form,
            Reason = options.Form is null ? chosen.Remark : $"as asked for; {chosen.Remark}",
            Others = [.. forms.Where(f => f != chosen)],
            Opset = options.Layer.Opset,
            Verification = verification,
        };
    }

    /// <summary>Exports a router without experts, for a model whose experts are served elsewhere; <see cref="OnnxGate"/> serves it.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="weights">As for <see cref="OnnxRouterWriter.Build(RouterSpec, IWeightSource, int)"/>.</param>
    /// <param name="path">The file; replaced if present. Its folder must exist.</param>
    /// <param name="options">Null: the defaults, which verify. Of <see cref="OnnxExportOptions.Layer"/> only the opset counts.</param>
    /// <param name="progress">Told each stage as it begins.</param>
    /// <param name="cancellation">Asks to stop; nothing is left then.</param>
    /// <returns>Files and what the comparison with the reference router gave.</returns>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The router cannot be expressed; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named. Or a form is asked for.</exception>
    /// <exception cref="OnnxVerificationException">What was written routes otherwise.</exception>
    /// <exception cref="NotSupportedException">The native ONNX Runtime is too old to verify with.</exception>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public static OnnxExportReport ExportRouter(RouterSpec spec, IWeightSource weights, string path, OnnxExportOptions? options = null, IProgress<OnnxExportStage>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(weights);
        options ??= new OnnxExportOptions();
        if (options.Form is { } form) throw new ArgumentException($"form = {form}: a router has none; must be null", nameof(options));
        bool bias = OnnxRouterWriter.Has(weights, WeightNames.RouterBias);
        var model = OnnxRouterWriter.Build(spec, weights, options.Layer.Opset);
        var (files, verification) = Publish(model, path, options, progress, cancellation, staged =>
        {
            using var gate = OnnxGate.Load(staged, options.Engine);
            progress?.Report(OnnxExportStage.Verifying);
            return OnnxVerifier.Verify(gate, weights, bias, options.Verify, cancellation);
        });
        return new OnnxExportReport { Files = files, Form = null, Reason = "standard operators", Others = [], Opset = options.Layer.Opset, Verification = verification };
    }

    private static (IReadOnlyList<OnnxExportedFile> Files, OnnxVerification? Verification) Publish(OnnxModel model, string path, OnnxExportOptions options, IProgress<OnnxExportStage>? progress, CancellationToken cancellation, Func<string, OnnxVerification> verify)
    {
        using var staged = new StagedModel(path);
        progress?.Report(OnnxExportStage.Writing);
        cancellation.ThrowIfCancellationRequested();
        OnnxWriter.Write(model, staged.Path, options.Files);
        OnnxVerification? verification = null;
        if (options.Verify is not null)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(OnnxExportStage.Opening);
            verification = verify(staged.Path);
            if (!verification.Passed) throw new OnnxVerificationException(verification);
        }

        cancellation.ThrowIfCancellationRequested();
        var files = staged.Commit();
        progress?.Report(OnnxExportStage.Done);
        return (files, verification);
    }

    private static OnnxVerification VerifyLayer(string staged, MoELayerSpec spec, IWeightSource weights, OnnxLayerForm form, OnnxExportOptions options, IProgress<OnnxExportStage>? progress, CancellationToken cancellation)
    {
        using var layer = OnnxMoELayer.Load(staged, options.Engine);
        progress?.Report(OnnxExportStage.Verifying);
        var verify = options.Verify!;
        if (form != OnnxLayerForm.Quantized)
        {
            using var expected = OnnxVerifier.Oracle(spec, weights, verify);
            return OnnxVerifier.Verify(layer, expected, weights, verify, cancellation);
        }

        // ONNX Runtime 1.31 rounds activations where weights have 8 bits in blocks, whatever it is told.
        bool rounds = options.Layer.Format == WeightFormat.Int8PerBlock || options.Layer.Activations == ActivationFormat.Int8;
        if (rounds && verify.Tolerance == OnnxTolerance.Single) verify = verify with { Tolerance = OnnxTolerance.RoundedActivations };
        using var held = OnnxVerifier.Oracle(spec, new HeldWeights(spec, weights, options.Layer.Format), verify);
        using var exact = OnnxVerifier.Oracle(spec, weights, verify);
        var verification = OnnxVerifier.Verify(layer, held, weights, verify, cancellation);
        return verification with { QuantizationError = RelativeError(held, exact, spec.Width * verify.Tokens, verify.Seed) };
    }

    private static double RelativeError(IMoEEngine held, IMoEEngine exact, int count, int seed)
    {
        var random = new Random(seed);
        var tokens = new float[count];
        for (int i = 0; i < count; i++) tokens[i] = (float)((random.NextDouble() * 2) - 1);
        float[] a = new float[count], b = new float[count];
        held.Forward(tokens, a);
        exact.Forward(tokens, b);
        double error = 0, norm = 0;
        for (int i = 0; i < count; i++) (error, norm) = (error + Math.Pow((double)a[i] - b[i], 2), norm + Math.Pow(b[i], 2));
        return norm == 0 ? Math.Sqrt(error) : Math.Sqrt(error / norm);
    }
}
