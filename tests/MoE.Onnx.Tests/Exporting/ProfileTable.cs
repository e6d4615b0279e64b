using System.Text;
using MoE.Tests.Profiles;

namespace MoE.Onnx.Tests;

/// <summary>Every profile and every form: what the exporter says of it.</summary>
internal static class ProfileTable
{
    // Multiples of 32, which the quantised operator wants.
    private const int Width = 32;

    private static readonly ExpertSpec Expert = new() { Width = Width };

    /// <summary>All layers: those of the layer profiles, and a plain one for each router.</summary>
    public static IReadOnlyList<(string Name, MoELayerSpec Spec)> Layers { get; } =
    [
        .. AllProfiles.Layers.Select(static p => ($"layer {p.Key}", p.Value with { Width = Width, Expert = p.Value.Expert with { Width = Width } })),
        .. AllProfiles.Routers.Select(static p => ($"router {p.Key}", new MoELayerSpec { Width = Width, Router = p.Value.At(0), Expert = Expert })),
    ];

    /// <summary>The table as it stands on the page.</summary>
    public static string Write()
    {
        var text = new StringBuilder("| profile | Portable, Loop | Contrib | Quantized |\n| --- | --- | --- | --- |\n");
        foreach (var (name, spec) in Layers)
        {
            var forms = OnnxExporter.Forms(spec).ToDictionary(static f => f.Form);
            text.Append($"| {name} | {Cell(forms[OnnxLayerForm.Portable])} | {Cell(forms[OnnxLayerForm.Contrib])} | {Cell(forms[OnnxLayerForm.Quantized], "exact but for the weights")} |\n");
        }

        return text.ToString();
    }

    private static string Cell(OnnxFormChoice form, string possible = "exact") => form.IsPossible ? possible : string.Join("; ", form.Refusals.Select(static r => $"`{r.Name}`"));
}
