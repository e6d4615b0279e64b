using System.Globalization;
using System.Text;

namespace MoE.Onnx;

/// <summary>What was exported, why in this form, and what the comparison gave.</summary>
public sealed record OnnxExportReport
{
    /// <summary>The files: the model, and its external data where there is some.</summary>
    public required IReadOnlyList<OnnxExportedFile> Files { get; init; }

    /// <summary>The form; null for a router.</summary>
    public required OnnxLayerForm? Form { get; init; }

    /// <summary>Why this form.</summary>
    public required string Reason { get; init; }

    /// <summary>The forms that were not taken; none for a router.</summary>
    public required IReadOnlyList<OnnxFormChoice> Others { get; init; }

    /// <summary>Version of the standard operators.</summary>
    public required int Opset { get; init; }

    /// <summary>The comparison; null where it was left out.</summary>
    public required OnnxVerification? Verification { get; init; }

    /// <summary>All of it in lines.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        foreach (var file in Files) Line(text, $"{file.Path}: {file.Bytes:N0} bytes");
        Line(text, $"{Form?.ToString() ?? "Router"}, opset {Opset}: {Reason}");
        foreach (var other in Others)
            Line(text, $"not {other.Form}: {(other.IsPossible ? other.Remark : string.Join("; ", other.Refusals))}");
        if (Verification is null) Line(text, $"not verified");
        else text.Append(Verification.ToText());
        return text.ToString();
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
