using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using MoE.Checkpoints;
using MoE.Samples.Frame;
using MoE.Samples.Inspecting;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>inspect FOLDER</c>: the mixture-of-experts layers of a published model, and whether every engine computes one of them alike.</summary>
internal sealed class InspectVerb(IAnsiConsole console, TextWriter error, CancellationToken cancellation)
{
    /// <summary>The verb.</summary>
    public Command Command()
    {
        var folder = new Argument<string>("FOLDER") { Description = "A folder with config.json and safetensors files." };
        var layer = new Option<int?>("--layer") { Description = "That layer only; with --verify the one that is run, otherwise the first.", HelpName = "N" };
        var verify = new Option<bool>("--verify") { Description = "Runs a layer through the reference, the managed, the torch and the ONNX engine and compares." };
        var json = new Option<string?>("--json") { Description = "Writes what was found there.", HelpName = "FILE" };
        var command = new Command("inspect", "Looks into a model's checkpoint: layers, experts, routers, parameters.") { folder, layer, verify, json };
        command.SetAction(parsed => Inspect(parsed.GetRequiredValue(folder), parsed.GetValue(layer), parsed.GetValue(verify), parsed.GetValue(json)));
        return command;
    }

    private int Inspect(string folder, int? only, bool verify, string? json)
    {
        try
        {
            if (json is not null) AtomicFile.Probe(json);
            using var model = HuggingFaceCheckpoint.Open(folder);
            if (only is { } n && !model.MoELayers.Contains(n)) return Refuse($"--layer {n}: must be one of the mixtures: {string.Join(", ", model.MoELayers)}");
            if (model.MoELayers.Count == 0) return Refuse($"{folder}: no layer of the model is a mixture of experts");
            var problems = model.Problems();
            if (problems.Count > 0) return Refuse(string.Join('\n', problems));
            LayerFacts[] layers = [.. model.MoELayers.Where(i => only is null || i == only).Select(i => LayerFacts.Of(model, i))];
            Print(model, layers);
            IReadOnlyList<EngineResult> engines = verify ? EngineComparison.Run(model, layers[0], cancellation) : [];
            if (verify) Print(layers[0], engines);
            if (json is not null) AtomicFile.Write(json, ResultJson.Text(Json(model, layers, verify ? engines : null)) + "\n");
            return engines.All(static e => e.Agrees) ? ExitCode.Ran : ExitCode.ExactClaimFailed;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return ExitCode.Cancelled;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or ArgumentException or SpecException)
        {
            return Refuse(e.Message);
        }
    }

    private void Print(HuggingFaceCheckpoint model, LayerFacts[] layers)
    {
        var (config, first) = (model.Config, layers[0].Spec);
        int[] dense = [.. Enumerable.Range(0, config.Layers.Count).Except(config.MoELayers)];
        Line($"{config.ModelType}{(RouterWords.Profile(config.ModelType) is { } profile ? $" (profile {profile})" : "")}: {config.MoELayers.Count} of {config.Layers.Count} layers are mixtures{(dense.Length == 0 ? "" : $"; dense: {Ranges(dense)}")}");
        Line($"router: {RouterWords.Rule(first.Router)}");
        Line(Invariant($"width {first.Width}, experts of {first.Expert.Width}{(first.Shared is { } shared ? $", shared expert of {shared.Width}" : "")}{(first.Expert.Biases ? ", biases" : "")}"));
        var table = PlainTable.Make("layer", "experts", "k", "router rows", "parameters", "active", "bytes", "type", "form");
        foreach (var f in layers)
        {
            table.AddRow(
                f.Layer.ToString(CultureInfo.InvariantCulture), f.Spec.Router.Experts.ToString(CultureInfo.InvariantCulture), f.Spec.Router.TopK.ToString(CultureInfo.InvariantCulture),
                Invariant($"{f.Norms.Mean:G3} ({f.Norms.Low:G3}..{f.Norms.High:G3})"), Short(f.Parameters), Short(f.Active), Short(f.Bytes), Markup.Escape(string.Join('+', f.Types)), Markup.Escape(f.Form));
        }

        table.AddRow("all", "", "", "", Short(layers.Sum(static f => f.Parameters)), Short(layers.Sum(static f => f.Active)), Short(layers.Sum(static f => f.Bytes)), "", "");
        console.Write(table);
    }

    private void Print(LayerFacts facts, IReadOnlyList<EngineResult> engines)
    {
        Line();
        Line(Invariant($"layer {facts.Layer} on {EngineComparison.Tokens(facts)} random tokens, against the reference in double precision:"));
        var table = PlainTable.Make("engine", "largest difference", "beyond tolerance", "routed otherwise", "ms");
        foreach (var e in engines.Where(static e => e.Refusal is null)) table.AddRow(e.Engine, Invariant($"{e.MaxDifference:E1}"), Invariant($"{e.Beyond}"), e.Rerouted == 0 ? "0" : Invariant($"{e.Rerouted} (margins to {e.WidestMargin:E1})"), Invariant($"{e.Milliseconds:F1}"));
        console.Write(table);
        foreach (var e in engines.Where(static e => e.Refusal is not null)) Line($"{e.Engine} did not run it: {e.Refusal}");
    }

    private static JsonObject Json(HuggingFaceCheckpoint model, LayerFacts[] layers, IReadOnlyList<EngineResult>? engines) => new()
    {
        ["schema"] = 1,
        ["folder"] = model.Folder,
        ["model_type"] = model.Config.ModelType,
        ["profile"] = RouterWords.Profile(model.Config.ModelType),
        ["router"] = RouterWords.Rule(layers[0].Spec.Router),
        ["width"] = model.Config.Width,
        ["layers"] = new JsonArray([.. layers.Select(static f => new JsonObject
        {
            ["layer"] = f.Layer,
            ["experts"] = f.Spec.Router.Experts,
            ["k"] = f.Spec.Router.TopK,
            ["expert_width"] = f.Spec.Expert.Width,
            ["shared_width"] = f.Spec.Shared?.Width,
            ["router_norms"] = new JsonObject { ["low"] = f.Norms.Low, ["mean"] = f.Norms.Mean, ["high"] = f.Norms.High },
            ["parameters"] = f.Parameters,
            ["active"] = f.Active,
            ["bytes"] = f.Bytes,
            ["types"] = new JsonArray([.. f.Types.Select(static t => JsonValue.Create(t.ToString()))]),
            ["form"] = f.Form,
        })]),
        ["verify"] = engines is null ? null : new JsonObject
        {
            ["layer"] = layers[0].Layer,
            ["tokens"] = EngineComparison.Tokens(layers[0]),
            ["engines"] = new JsonArray([.. engines.Select(static e => new JsonObject
            {
                ["engine"] = e.Engine, ["refusal"] = e.Refusal, ["max_abs_diff"] = e.MaxDifference, ["beyond_tolerance"] = e.Beyond, ["rerouted"] = e.Rerouted, ["widest_margin"] = e.WidestMargin, ["milliseconds"] = e.Milliseconds, ["agrees"] = e.Agrees,
            })]),
        },
    };

    // Past the console's own line breaks: a line of facts is one line, also in a pipe.
    private void Line(string text = "") => console.Profile.Out.Writer.WriteLine(text);

    private int Refuse(string message)
    {
        error.WriteLine(message);
        return ExitCode.Usage;
    }

    private static string Ranges(int[] numbers)
    {
        var words = new List<string>();
        for (int i = 0; i < numbers.Length;)
        {
            int end = i;
            while (end + 1 < numbers.Length && numbers[end + 1] == numbers[end] + 1) end++;
            words.Add(end == i ? Invariant($"{numbers[i]}") : Invariant($"{numbers[i]}..{numbers[end]}"));
            i = end + 1;
        }

        return string.Join(", ", words);
    }

    private static string Short(long number) => number switch
    {
        >= 1_000_000_000 => Invariant($"{number / 1e9:F2} G"),
        >= 1_000_000 => Invariant($"{number / 1e6:F1} M"),
        >= 10_000 => Invariant($"{number / 1e3:F1} k"),
        _ => Invariant($"{number}"),
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
